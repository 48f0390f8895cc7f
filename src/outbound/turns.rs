//! Taking turns by weight, smoothly: weights 3 and 1 give A A B A, not A A A B.
//!
//! The algorithm is nginx's (2012): each round every candidate gains its weight, the richest is chosen and pays
//! the round's total. Over any number of calls each member's share is exact to one call.

/// Credit of each member of a pool.
#[derive(Clone, Debug)]
pub(super) struct Turns(Vec<i64>);

impl Turns {
    pub(super) fn new(members: usize) -> Self {
        Self(vec![0; members])
    }

    /// Whose turn it is among the candidates, given with their weights.
    pub(super) fn next(&mut self, candidates: impl Iterator<Item = (usize, u32)>) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (index, weight) in candidates {
            total += i64::from(weight);
            self.0[index] += i64::from(weight);
            if best.is_none_or(|best| self.0[index] > self.0[best]) {
                best = Some(index);
            }
        }
        let best = best?;
        self.0[best] -= total;
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_smooth() {
        let mut turns = Turns::new(2);
        let order: String =
            (0..8).filter_map(|_| turns.next([(0, 3), (1, 1)].into_iter())).map(|i| ['A', 'B'][i]).collect();
        assert_eq!(order, "AABAAABA");
    }

    #[test]
    fn a_member_that_was_away_does_not_catch_up() {
        let mut turns = Turns::new(2);
        for _ in 0..1_000 {
            assert_eq!(turns.next([(0, 1)].into_iter()), Some(0));
        }
        let back: Vec<_> = (0..4).filter_map(|_| turns.next([(0, 1), (1, 1)].into_iter())).collect();
        assert_eq!(back.iter().filter(|index| **index == 1).count(), 2, "{back:?}");
        assert_eq!(turns.next(std::iter::empty()), None);
    }
}

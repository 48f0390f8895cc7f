//! A distribution of values that can be merged in any order: counts in logarithmic buckets.
//!
//! Each power of two is cut into 16 buckets of equal width, so a quantile is off by at most half a bucket: 1/32 of
//! the value, 3.2 %. Values below 32 are exact. Only integers: every machine makes the same buckets.

use super::varint;

/// Buckets per power of two, as a power of two.
const STEPS: u32 = 4;

/// How many buckets there are: 32 of one value each, then 16 for each of the 59 powers of two from 2⁵.
const BUCKETS: u16 = 976;

/// Counts of values by size. Two are equal when the same buckets hold the same counts.
///
/// Counts lie side by side from the first that is not zero to the last: latencies spread over few buckets, and adding
/// to one must not search for it, because reports add up millions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The bucket of the first count.
    first: u16,
    /// Counts; neither the first nor the last is zero.
    counts: Vec<u64>,
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.add(bucket_of(value), 1);
    }

    /// Counts one value several times.
    pub fn record_times(&mut self, value: u64, times: u64) {
        self.add(bucket_of(value), times);
    }

    /// How many values were counted, saturating.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| count.saturating_add(sum))
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add(bucket, count);
        }
    }

    /// Takes off counts that were added before.
    pub fn subtract(&mut self, part: &Self) {
        for (bucket, count) in part.buckets() {
            let counted = bucket.checked_sub(self.first).and_then(|at| self.counts.get_mut(usize::from(at)));
            if let Some(counted) = counted {
                *counted = counted.saturating_sub(count);
            }
        }
        let last = self.counts.iter().rposition(|count| *count != 0);
        self.counts.truncate(last.map_or(0, |last| last + 1));
        let before = self.counts.iter().position(|count| *count != 0).unwrap_or(0);
        self.counts.drain(..before);
        self.first += u16::try_from(before).expect("there are fewer buckets");
        if self.counts.is_empty() {
            self.first = 0;
        }
    }

    /// The value that `quantile` (0.0 to 1.0) of all values do not exceed, within 3.2 %; `None` when there are none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let rank = rank(quantile, self.count());
        let mut seen: u64 = 0;
        let reaches = |(_, count): &(u16, u64)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        };
        self.buckets().find(reaches).map(|(bucket, _)| middle_of(bucket))
    }

    /// Appends it in few bytes: sparse, bucket distances and counts as varints.
    pub fn encode(&self, to: &mut Vec<u8>) {
        varint::put(to, self.buckets().count() as u64);
        let mut last = 0;
        for (bucket, count) in self.buckets() {
            varint::put(to, u64::from(bucket - last));
            varint::put(to, count);
            last = bucket;
        }
    }

    /// Adds the counts of one that [`Self::encode`] wrote at the front of `bytes`, and takes it off them; `None` when
    /// it is none, and then some of it may have been added.
    #[must_use]
    pub fn merge_encoded(&mut self, bytes: &mut &[u8]) -> Option<()> {
        let mut bucket: u16 = 0;
        for _ in 0..varint::take(bytes)? {
            bucket = bucket.checked_add(u16::try_from(varint::take(bytes)?).ok()?).filter(|at| *at < BUCKETS)?;
            self.add(bucket, varint::take(bytes)?);
        }
        Some(())
    }

    /// Bucket and count, by bucket, counts above zero.
    fn buckets(&self) -> impl Iterator<Item = (u16, u64)> {
        (self.first..).zip(self.counts.iter().copied()).filter(|(_, count)| *count != 0)
    }

    fn add(&mut self, bucket: u16, count: u64) {
        if count == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let before = usize::from(self.first - bucket);
            self.counts.splice(..0, std::iter::repeat_n(0, before));
            self.first = bucket;
        }
        let at = usize::from(bucket - self.first);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
    }
}

/// Which of `count` values, from 1, is the quantile.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn rank(quantile: f64, count: u64) -> u64 {
    ((quantile * count as f64).ceil() as u64).clamp(1, count.max(1))
}

/// Values up to 31 have a bucket each; above, the position of the highest bit and the four bits below it.
fn bucket_of(value: u64) -> u16 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(STEPS + 1);
    let bucket = (u64::from(shift) << STEPS) + (value >> shift);
    u16::try_from(bucket).expect("64 powers of two make 976 buckets")
}

/// The middle of the values that fall into a bucket.
fn middle_of(bucket: u16) -> u64 {
    let shift = u32::from(bucket >> STEPS).saturating_sub(1);
    let low = (u64::from(bucket) - (u64::from(shift) << STEPS)).checked_shl(shift).unwrap_or(u64::MAX);
    low.saturating_add((1_u64.checked_shl(shift).unwrap_or(0)) / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut made = Histogram::default();
        for value in values {
            made.record(*value);
        }
        made
    }

    fn encoded(histogram: &Histogram) -> Vec<u8> {
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_the_bound(
            mut values in prop::collection::vec((0_u32..64, any::<u64>()).prop_map(|(cut, v)| v >> cut), 1..200),
            nth in 0_usize..=100,
        ) {
            let found = of(&values).quantile(f64::from(u32::try_from(nth).unwrap()) / 100.0).unwrap();
            values.sort_unstable();
            let rank = (nth * values.len()).div_ceil(100).max(1);
            // Of two ranks that rounding may choose between, either is right.
            let right = [rank, (rank + 1).min(values.len())].into_iter().any(|rank| {
                let truth = values[rank - 1];
                found.abs_diff(truth) <= truth / 32 + u64::from(truth >= 32)
            });
            prop_assert!(right, "{found} for {}", values[rank - 1]);
        }

        #[test]
        fn parts_merge_to_the_whole_in_any_order(values in prop::collection::vec(any::<u64>(), 0..200), at: usize) {
            let (left, right) = values.split_at(at.checked_rem(values.len()).unwrap_or(0));
            let [mut one, mut other] = [of(left), of(right)];
            one.merge(&of(right));
            other.merge_encoded(&mut &encoded(&of(left))[..]).unwrap();
            prop_assert_eq!(&one, &of(&values));
            prop_assert_eq!(&one, &other);
            one.subtract(&of(right));
            other.subtract(&of(left));
            prop_assert_eq!(one, of(left));
            prop_assert_eq!(other, of(right));
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
            let _count = Histogram::default().merge_encoded(&mut &bytes[..]).is_some();
        }
    }

    #[test]
    fn buckets_beyond_the_last_and_counts_of_nothing_add_nothing() {
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        let bytes = |bucket: u64, count| {
            let mut bytes = vec![];
            for number in [1, bucket, count] {
                varint::put(&mut bytes, number);
            }
            bytes
        };
        let mut made = of(&[5]);
        assert!(made.merge_encoded(&mut &bytes(u64::from(BUCKETS), 1)[..]).is_none());
        assert!(made.merge_encoded(&mut &bytes(900, 0)[..]).is_some());
        assert_eq!(made, of(&[5]));
    }

    #[test]
    fn small_values_and_the_largest_are_exact_enough() {
        for value in (0..32).chain([u64::MAX]) {
            let found = of(&[value]).quantile(0.5).expect("one value");
            assert!(found.abs_diff(value) <= value / 32, "{value}: {found}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_thousand_latencies_take_a_few_hundred_bytes() {
        let made = of(&(0..1000).map(|nth| 20_000_000 + nth * 700_000).collect::<Vec<_>>());
        assert!(encoded(&made).len() < 250, "{}", encoded(&made).len());
    }
}

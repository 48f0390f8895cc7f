//! The 90th percentile of a stream of counts, in a few hundred bytes: a histogram of quarter octaves that forgets.

/// Buckets: four to an octave up to 2²⁰ tokens, then one for all above.
const BUCKETS: usize = 81;
/// With so many samples all are halved, so that the last few hundred speak the loudest.
const MOST_SAMPLES: u32 = 512;
/// Fewer samples say nothing about a tenth of them.
const LEAST_SAMPLES: u32 = 10;

/// Counts seen lately, by size.
#[derive(Clone, Debug)]
pub(super) struct Quantile {
    buckets: [u16; BUCKETS],
    samples: u32,
}

impl Default for Quantile {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], samples: 0 }
    }
}

impl Quantile {
    pub(super) fn add(&mut self, count: u64) {
        let bucket = &mut self.buckets[bucket(count)];
        *bucket = bucket.saturating_add(1);
        self.samples += 1;
        if self.samples >= MOST_SAMPLES {
            self.halve();
        }
    }

    fn halve(&mut self) {
        for bucket in &mut self.buckets {
            *bucket /= 2;
        }
        self.samples = self.buckets.iter().map(|count| u32::from(*count)).sum();
    }

    /// How many counts fell into which bucket, those without any left out.
    pub(super) fn counts(&self) -> Vec<(u8, u16)> {
        let numbered = (0..).zip(self.buckets);
        numbered.filter(|(_, count)| *count > 0).collect()
    }

    /// With what [`Quantile::counts`] told; buckets that there are not are left out.
    pub(super) fn of_counts(counts: &[(u8, u16)]) -> Self {
        let mut quantile = Self::default();
        for (at, count) in counts {
            if let Some(bucket) = quantile.buckets.get_mut(usize::from(*at)) {
                *bucket = *count;
            }
        }
        quantile.samples = quantile.buckets.iter().map(|count| u32::from(*count)).sum();
        while quantile.samples >= MOST_SAMPLES {
            quantile.halve();
        }
        quantile
    }

    /// What nine of ten counts do not exceed, rounded up by a fifth at most.
    pub(super) fn p90(&self) -> Option<u64> {
        if self.samples < LEAST_SAMPLES {
            return None;
        }
        let wanted = (self.samples * 9).div_ceil(10);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += u32::from(*count);
            seen >= wanted
        });
        at.map(upper_edge)
    }
}

/// Quarter octaves: the octave by the highest bit, the quarter by the two bits below it.
fn bucket(count: u64) -> usize {
    if count < 4 {
        return usize::try_from(count).expect("less than 4");
    }
    let octave = count.ilog2();
    let quarter = (count >> (octave - 2)) & 3;
    let at = (octave as usize - 1) * 4 + usize::try_from(quarter).expect("two bits");
    at.min(BUCKETS - 1)
}

/// The largest count of a bucket; of the last one, the most that is ever told.
fn upper_edge(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let (octave, quarter) = (bucket / 4 + 1, bucket % 4);
    ((quarter as u64 + 5) << (octave - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_lies_in_its_bucket() {
        for count in (0..5000).chain([1 << 16, (1 << 20) - 1]) {
            let at = bucket(count);
            assert!(upper_edge(at) >= count, "{count}");
            assert!(at == 0 || upper_edge(at - 1) < count, "{count}");
            assert!(upper_edge(at) * 4 <= count * 5 + 4, "{count}: no more than a quarter above");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_ninetieth_percentile_is_learned_and_forgotten() {
        let mut quantile = Quantile::default();
        (0..9).for_each(|_| quantile.add(100));
        assert_eq!(quantile.p90(), None, "nine say nothing of one in ten");
        (0..81).for_each(|_| quantile.add(100));
        (0..10).for_each(|_| quantile.add(5000));
        assert_eq!(quantile.p90(), Some(111));
        (0..2000).for_each(|_| quantile.add(5000));
        assert_eq!(quantile.p90(), Some(5119), "what is long ago weighs little");
        let mut large = Quantile::default();
        (0..20).for_each(|_| large.add(u64::MAX));
        assert!(large.p90().is_some_and(|p90| p90 >= 1 << 20));
    }
}

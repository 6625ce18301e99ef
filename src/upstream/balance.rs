//! Weighted round robin.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Longest turn order that is kept, in turns. Weights that need a longer one are scaled down to it; 4,096 turns tell
/// shares apart by 0.03 %.
const MAX_TURNS: u64 = 4096;

/// A fixed order of turns that is walked round and round, without a lock.
///
/// Within one round every endpoint has as many turns as its weight, spread evenly over the round.
pub(super) struct Turns {
    order: Vec<u32>,
    next: AtomicUsize,
}

impl Turns {
    pub(super) fn new(weights: &[NonZeroU32]) -> Self {
        let weights = shortened(weights);
        let mut turns: Vec<(u64, u64, u32)> = Vec::new();
        for (endpoint, &weight) in (0_u32..).zip(&weights) {
            // The middle of the endpoint's n-th share of the round, as a fraction.
            turns.extend((0..weight).map(|turn| (2 * turn + 1, 2 * weight, endpoint)));
        }
        turns.sort_by(|left, right| (left.0 * right.1, left.2).cmp(&(right.0 * left.1, right.2)));
        Self { order: turns.into_iter().map(|(_, _, endpoint)| endpoint).collect(), next: AtomicUsize::new(0) }
    }

    /// Index of the endpoint whose turn it is; `None` without endpoints.
    pub(super) fn next(&self) -> Option<usize> {
        match self.order.as_slice() {
            [] => None,
            [only] => Some(*only as usize),
            order => Some(order[self.next.fetch_add(1, Ordering::Relaxed) % order.len()] as usize),
        }
    }
}

/// The weights in lowest terms, and in no more than about [`MAX_TURNS`] turns.
fn shortened(weights: &[NonZeroU32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |divisor, weight| greatest_common_divisor(divisor, u64::from(weight.get())));
    let weights: Vec<u64> = weights.iter().map(|weight| u64::from(weight.get()) / divisor).collect();
    let sum: u64 = weights.iter().sum();
    if sum <= MAX_TURNS {
        return weights;
    }
    weights.into_iter().map(|weight| (weight * MAX_TURNS / sum).max(1)).collect()
}

fn greatest_common_divisor(left: u64, right: u64) -> u64 {
    if right == 0 { left } else { greatest_common_divisor(right, left % right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(weights: &[u32], count: usize) -> Vec<usize> {
        let weights: Vec<_> = weights.iter().map(|&weight| NonZeroU32::new(weight).unwrap()).collect();
        let turns = Turns::new(&weights);
        (0..count).map(|_| turns.next().unwrap()).collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(picks(&[7, 7, 7], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_heavy_endpoint_is_picked_by_its_share_but_not_in_a_block() {
        let picks = picks(&[3, 1], 8);
        assert_eq!(picks.iter().filter(|&&pick| pick == 0).count(), 6);
        assert_eq!(picks, [0, 0, 1, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn huge_weights_keep_their_shares_in_a_short_order() {
        let picks = picks(&[u32::MAX, u32::MAX / 3, 1], MAX_TURNS as usize);
        let first = picks.iter().filter(|&&pick| pick == 0).count();
        assert!((3060..=3080).contains(&first), "{first} of {MAX_TURNS}");
        assert!(picks.contains(&2));
    }

    #[test]
    fn no_endpoints_have_no_turn() {
        assert_eq!(Turns::new(&[]).next(), None);
    }
}

//! Where is the limit? Doubling until something does not hold, then halving the gap.

/// How often the gap between what holds and what does not is halved: the limit is then known to a sixteenth.
const HALVINGS: usize = 4;

/// Tries numbers of clients up to `to`, until it is known how many hold.
///
/// Whoever holds more is taken to hold fewer. Tries `from` first, then twice as many as before up to `to`; after the
/// first that does not hold, the middle between the two last known.
pub(super) fn climb<E>(
    from: usize,
    to: usize,
    mut holds: impl FnMut(usize) -> Result<bool, E>,
) -> Result<(), E> {
    let (mut good, mut next) = (0, from);
    while holds(next)? {
        good = next;
        if good >= to {
            return Ok(());
        }
        next = good.saturating_mul(2).min(to);
    }
    let mut bad = next;
    for _ in 0..HALVINGS {
        let middle = good + (bad - good) / 2;
        if middle == good {
            break;
        }
        if holds(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried of a machine that holds `limit`.
    fn tried(from: usize, to: usize, limit: usize) -> Vec<usize> {
        let mut tries = Vec::new();
        let done = climb(from, to, |clients| {
            tries.push(clients);
            Ok::<_, ()>(clients <= limit)
        });
        done.expect("nothing fails");
        tries
    }

    #[test]
    fn doubling_then_halving_finds_the_limit() {
        let tries = tried(1_000, 16_000, 5_300);
        assert_eq!(tries, [1_000, 2_000, 4_000, 8_000, 6_000, 5_000, 5_500, 5_250]);
    }

    #[test]
    fn nothing_is_tried_twice_or_beyond_the_bounds() {
        for limit in [0, 1, 7, 8, 9, 63, 99, 100, 101, 1_000] {
            let tries = tried(8, 100, limit);
            let mut once = tries.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), tries.len(), "{tries:?}");
            assert!(tries.iter().all(|clients| (1..=100).contains(clients)), "{tries:?}");
            let most = tries.iter().copied().filter(|clients| *clients <= limit).max().unwrap_or(0);
            assert!(limit.min(100) - most <= most.div_ceil(16), "{most} of {limit} are found: {tries:?}");
        }
    }

    #[test]
    fn a_machine_that_holds_everything_is_asked_for_the_most() {
        assert_eq!(tried(3, 10, usize::MAX), [3, 6, 10]);
        assert_eq!(tried(5, 5, 5), [5]);
    }

    #[test]
    fn a_machine_that_does_not_hold_the_first_is_asked_for_fewer() {
        assert_eq!(tried(16, 64, 3), [16, 8, 4, 2, 3]);
        assert_eq!(tried(16, 64, 0), [16, 8, 4, 2, 1]);
    }

    #[test]
    fn an_error_ends_it() {
        assert_eq!(climb(1, 9, |clients| if clients < 4 { Ok(true) } else { Err(clients) }), Err(4));
    }
}

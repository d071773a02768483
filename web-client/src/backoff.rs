//! How long to wait before the next try to connect. Whether to try at all is [`crate::element::status`]'s decision.

/// The first pause, in ms.
const FIRST: f64 = 500.0;
/// The longest pause, in ms.
const LONGEST: f64 = 10_000.0;
/// How much of a pause chance may take off, so that many viewers of one server don't come back at the same moment.
const JITTER: f64 = 0.3;

/// Pauses that double from half a second to ten seconds.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    tries: i32,
}

impl Backoff {
    /// The next pause in ms. `random` is between 0 and 1.
    pub fn pause(&mut self, random: f64) -> f64 {
        let pause = (FIRST * 2f64.powi(self.tries)).min(LONGEST);
        self.tries = (self.tries + 1).min(30);
        pause * (1.0 - JITTER * random.clamp(0.0, 1.0))
    }

    /// Starts over. A socket that opens is no reason yet: a proxy opens it even where no server stands behind it.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_seconds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<f64> = (0..7).map(|_| backoff.pause(0.0)).collect();
        assert_eq!(
            pauses,
            [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 10_000.0, 10_000.0]
        );
        backoff.reset();
        assert_eq!(backoff.pause(0.0), 500.0);
    }

    #[test]
    fn chance_only_shortens_and_never_below_seven_tenths() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(1.0), 350.0);
        for _ in 0..1000 {
            let pause = backoff.pause(0.5);
            assert!((350.0..=10_000.0).contains(&pause), "{pause}");
        }
    }
}

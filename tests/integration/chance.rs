//! Chance that can be repeated: the same seed gives the same rolls.

/// Rolls, the same for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// By `TOLKIEN_SEED`.
    pub(crate) fn seeded() -> Self {
        Self::of(number("TOLKIEN_SEED", 1))
    }

    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below a limit.
    pub(crate) fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A number that a long run is asked for with.
#[expect(clippy::disallowed_methods, reason = "a long run is asked for so")]
pub(crate) fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

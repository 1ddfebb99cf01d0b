//! The analysis held against independent oracles: the `regex` engine, brute force over all short
//! words, and [`crate::policy`] over all short lines.
//!
//! Cases are drawn from seeds, so that a failure names the seed that shows it again; how many are
//! drawn, and from which seed on, is said in `tests/README.md`.

mod automata;

mod expressions;

mod found;

mod kinds;

mod loaded;

mod looks;

mod policies;

mod roots;

mod seen;

mod small;

mod ties;

/// How many cases are drawn, in place of the few that every run draws.
const CASES: &str = "TOLKIEN_CASES";

/// The seed of the first case.
const SEED: &str = "TOLKIEN_SEED";

/// A stream of numbers that a seed fixes (splitmix64): the same on every machine.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below another.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.number() % end).unwrap()
    }

    /// True once in so many times.
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

/// Says the seed of the case in which a test ended.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("shown again by {SEED}={} {CASES}=1", self.0);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the tests run is no setting of the program"
)]
fn set(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap())
}

/// Whether everything is drawn that every run draws, so that what is rare must have been there.
fn is_whole_run() -> bool {
    set(SEED).is_none() && set(CASES).is_none()
}

/// Draws a few cases, or as many as the environment asks for.
fn draw(few: u64, case: impl FnMut(&mut Random)) {
    draw_together(few, 1, case);
}

/// The same, where each draw makes several cases.
fn draw_together(few: u64, together: u64, mut case: impl FnMut(&mut Random)) {
    let first = set(SEED).unwrap_or(1);
    let cases = set(CASES).unwrap_or(few);
    for seed in first..first + cases.div_ceil(together) {
        let told = Told(seed);
        case(&mut Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        drop(told);
    }
}

/// All words of up to so many characters.
fn words_over(alphabet: &[char], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut first = 0;
    for _ in 0..longest {
        let end = all.len();
        for at in first..end {
            for character in alphabet {
                let mut word = all[at].clone();
                word.push(*character);
                all.push(word);
            }
        }
        first = end;
    }
    all
}

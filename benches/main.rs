//! The figures of docs/benchmarks.md, each measured beside a baseline: `cargo bench -- NAME [NUMBERS]`.
//!
//! Nothing is timed alone: whoever is compared is timed in turns, in the same run, in the same folder, and what is said
//! is the median of the rounds and the ratio of the medians. `TMPDIR` says on which disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // A bench that cannot go on stops.

mod answers;
mod deciding;
mod load;
mod measure;
mod reading;
mod score;
mod server;
mod trail;
mod webhook;

use std::process::ExitCode;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Bench {
    name: &'static str,
    /// What its numbers mean.
    numbers: &'static str,
    usual: &'static [usize],
    run: fn(&[usize]),
}

const fn bench(
    name: &'static str,
    numbers: &'static str,
    usual: &'static [usize],
    run: fn(&[usize]),
) -> Bench {
    Bench {
        name,
        numbers,
        usual,
        run,
    }
}

#[rustfmt::skip]
const BENCHES: [Bench; 12] = [
    bench("backlog",  "BRANCHES ROUNDS",        &[1_000, 5],       |n| deciding::backlog(n[0], n[1])),
    bench("single",   "PROPOSALS ROUNDS",       &[40, 5],          |n| deciding::single(n[0], n[1])),
    bench("growth",   "RECORDS ROUNDS",         &[100_000, 7],     |n| deciding::growth(n[0], n[1])),
    bench("load",     "PROPOSALS CLIENTS PUSHES", &[10_000, 32, 200], |n| load::run(n[0], n[1], n[2])),
    bench("score",    "",                       &[],               |_| score::run()),
    bench("compare",  "ROUNDS",                 &[10],             |n| score::compare_versions(n[0])),
    bench("webhook",  "WEBHOOKS ROUNDS",        &[1_000, 5],       |n| webhook::run(n[0], n[1])),
    bench("answers",  "CASES ROUNDS",           &[100_000, 100],   |n| answers::run(n[0], n[1])),
    bench("index",    "CASES ROUNDS",           &[100_000, 5],     |n| reading::index(n[0], n[1])),
    bench("verify",   "CASES ROUNDS",           &[100_000, 3],     |n| reading::verify(n[0], n[1])),
    bench("backtest", "CASES ROUNDS",           &[100_000, 3],     |n| reading::backtest(n[0], n[1])),
    bench("export",   "CASES ROUNDS",           &[100_000, 3],     |n| reading::export(n[0], n[1])),
];

fn main() -> ExitCode {
    // Cargo adds flags of its own.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let asked = words.first().map(String::as_str);
    let Some(bench) = BENCHES.iter().find(|bench| Some(bench.name) == asked) else {
        eprintln!("usage: cargo bench -- NAME [NUMBERS]; where none are given, the last ones:\n");
        for Bench {
            name,
            numbers,
            usual,
            ..
        } in BENCHES
        {
            let usual: Vec<String> = usual.iter().map(ToString::to_string).collect();
            eprintln!("  {name:<10}{numbers:<26}{}", usual.join(" "));
        }
        return ExitCode::from(2);
    };
    let mut numbers = bench.usual.to_vec();
    for (number, word) in numbers.iter_mut().zip(&words[1..]) {
        *number = word.parse().expect("a number");
    }
    let said: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    println!("{} {}\n", bench.name, said.join(" "));
    (bench.run)(&numbers);
    ExitCode::SUCCESS
}

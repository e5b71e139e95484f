//! How fast a trail is exported, beside `sqlite3 .import` of the very same rows from CSV.
//!
//! `cargo bench --bench export [-- CASES ROUNDS]` (100,000 and 3). Needs `sqlite3` on the PATH. Timed in turns are `countersign
//! export --format sqlite`, from the start of the process to its exit, and `sqlite3` that makes the same table and
//! imports the CSV export into it, with the same indexes; then the other formats. The bar: at most 3 times sqlite3.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;
mod trail;

use std::path::Path;
use std::process::Command;

use stage::{COUNTERSIGN, Folder, Series, Took, argument, headline, line};

const INDEXES: [&str; 5] = [
    "agent_name",
    "session_id",
    "risk_level",
    "approval_status",
    "created_at",
];

fn main() {
    let (count, rounds) = (argument(0, 100_000), argument(1, 3));
    let repo = trail::trail(count);
    let folder = Folder::new("export");
    println!("{count} cases in {}, {rounds} rounds\n", repo.display());
    let export = |format: &str| -> Took {
        let file = folder.join(&format!("trail.{format}"));
        let mut command = Command::new(COUNTERSIGN);
        command
            .args(["export", "--format", format, "--repo"])
            .arg(&repo);
        command.arg("--output").arg(&file);
        stage::settle(folder.path());
        stage::timed(&mut command)
    };
    export("sqlite");
    export("csv");
    let schema = schema(&folder.join("trail.sqlite"));
    let [mut sqlite, mut theirs, mut csv, mut jsonl, mut parquet] = [const { Series::new() }; 5];
    for _ in 0..rounds {
        sqlite.push(export("sqlite"), count);
        theirs.push(import(&folder, &schema), count);
        csv.push(export("csv"), count);
        jsonl.push(export("jsonl"), count);
        parquet.push(export("parquet"), count);
    }
    headline();
    line("countersign export --format sqlite", &sqlite);
    line("sqlite3 .import of the same rows, with indexes", &theirs);
    line("countersign export --format csv", &csv);
    line("countersign export --format jsonl", &jsonl);
    line("countersign export --format parquet", &parquet);
    println!();
    println!(
        "{:>7.2} x the time of sqlite3 .import (at most 3)",
        theirs.times_as_fast_as(&sqlite)
    );
}

fn schema(database: &Path) -> String {
    let mut sqlite = Command::new("sqlite3");
    let table = "SELECT sql FROM sqlite_schema WHERE name = 'agent_governance_log'";
    stage::run(sqlite.arg(database).arg(table))
}

fn import(folder: &Folder, schema: &str) -> Took {
    let database = folder.join("imported.sqlite");
    std::fs::remove_file(&database).ok();
    let csv = folder.join("trail.csv");
    let indexes = INDEXES
        .map(|column| format!("CREATE INDEX idx_{column} ON agent_governance_log ({column});"));
    let mut sqlite = Command::new("sqlite3");
    sqlite.arg(&database).arg(format!("{};", schema.trim()));
    sqlite.arg(format!(
        ".import --csv --skip 1 {} agent_governance_log",
        csv.display()
    ));
    sqlite.args(indexes);
    stage::settle(folder.path());
    stage::timed(&mut sqlite)
}

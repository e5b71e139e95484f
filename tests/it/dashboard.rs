//! The dashboard over real HTTP: what its pages say, what its forms do, and what nobody gets out of it.

mod asking;
mod deciding;
mod pages;
mod sessions;

use crate::support::TestRepo;
use crate::support::serving::{Serving, serve};

const MEDIUM: &str = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}\nrationale: Backtests show a smaller drawdown.";
const HIGH: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_enabled: false}";
const WHY: &str = "I read the study and agree with every line of it.";

/// One pull request of each of these bodies waits, and the server knows it.
fn waiting(bodies: &[&str], more: &[&str]) -> (TestRepo, Serving) {
    let stage = TestRepo::example();
    for (number, body) in bodies.iter().enumerate() {
        stage.propose("strategy-optimizer", &format!("b{number}"), body);
    }
    stage.run();
    let serving = Serving::start(&mut serve(&stage, more));
    serving.is_ready();
    (stage, serving)
}

//! `countersign mcp`: the Model Context Protocol on standard input and output, for one agent.

use std::time::Duration;

use super::options::Options;
use super::place::Place;
use super::{CommandOutcome, Result};
use crate::domain::ids::AgentName;
use crate::server::{
    Bearer, Metrics, PollIntervals, RepositoryWorker, WorkerConfig, serve_on_stdio,
};

/// Let an agent check, propose and wait through the Model Context Protocol
///
/// Speaks on standard input and output, as MCP clients start it. It decides nothing: `countersign serve` or
/// `run --watch` does. On GitHub it proposes under the account whose token it is given, which must be the
/// agent's own.
#[derive(Debug, clap::Args)]
pub struct Mcp {
    /// For which agent: a name from rules/agents.yaml
    #[arg(
        long,
        value_name = "NAME",
        env = "COUNTERSIGN_AGENT",
        hide_env_values = true
    )]
    agent: AgentName,
    /// Seconds between two times that everything is read anew from GitHub
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    reconcile: u64,
}

/// Between two looks at a folder.
const LOOK: Duration = Duration::from_millis(250);
/// How long what is being done may take once the client has hung up.
const LAST_WORK: Duration = Duration::from_secs(5);

impl Mcp {
    /// Serves until the client hangs up.
    ///
    /// # Errors
    /// When the repository cannot be opened, or the client speaks something else.
    pub fn run(&self, options: &Options) -> Result {
        let place = options.place()?.clone();
        let github = match &place {
            Place::Local(_) => {
                place.open_forge()?;
                None
            }
            Place::Github(forge) => Some(forge.clone()),
        };
        let bot_options = options.bot_options();
        let config = WorkerConfig {
            name: place.name(),
            bot_factory: Box::new(move || bot_options.bot(&place)),
            github,
            tokens: None,
            decides: false,
        };
        let intervals = PollIntervals {
            look: LOOK,
            reconcile: Duration::from_secs(self.reconcile),
        };
        let worker = RepositoryWorker::start(config, intervals, Metrics::default())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let served = runtime.block_on(serve_on_stdio(
            worker.clone(),
            Bearer::Agent(self.agent.clone()),
        ));
        worker.stop();
        worker.join();
        runtime.shutdown_timeout(LAST_WORK);
        served.map(|()| CommandOutcome::Done)
    }
}

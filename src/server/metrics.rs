//! What the server counts, in the format that Prometheus reads (`GET /metrics`).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::bot::Summary;

type Labels = Vec<(&'static str, String)>;

/// The upper ends of the buckets of a run's duration, in seconds.
const SECONDS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

/// Everything that is counted. A clone of it counts in the same place.
#[derive(Clone)]
pub struct Metrics {
    counted: Arc<Counted>,
}

struct Counted {
    registry: Registry,
    deliveries: Family<Labels, Counter>,
    runs: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    calls: Family<Labels, Counter>,
    open: Family<Labels, Gauge>,
    decisions: Family<Labels, Counter>,
    last_success: Family<Labels, Gauge>,
    queue: Family<Labels, Gauge>,
    foreign: Family<Labels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut counted = Counted {
            registry: Registry::with_prefix("countersign"),
            deliveries: Family::default(),
            runs: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            calls: Family::default(),
            open: Family::default(),
            decisions: Family::default(),
            last_success: Family::default(),
            queue: Family::default(),
            foreign: Family::default(),
        };
        counted.register();
        Self {
            counted: Arc::new(counted),
        }
    }
}

impl Counted {
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register(
            "webhook_deliveries",
            "Webhooks by event and what came of them",
            self.deliveries.clone(),
        );
        all.register("runs", "Runs of the bot by result", self.runs.clone());
        all.register(
            "run_seconds",
            "How long runs of the bot took",
            self.seconds.clone(),
        );
        all.register(
            "api_calls",
            "Requests to GitHub's API, tokens not counted",
            self.calls.clone(),
        );
        all.register(
            "open_pull_requests",
            "Pull requests that wait",
            self.open.clone(),
        );
        all.register(
            "decisions",
            "Decisions by level and status",
            self.decisions.clone(),
        );
        all.register(
            "last_success_timestamp_seconds",
            "When a run last ended well",
            self.last_success.clone(),
        );
        all.register(
            "queued_work",
            "Work that waits for the bot, or is in its hands",
            self.queue.clone(),
        );
        all.register(
            "foreign_commits",
            "Commits on main that the bot did not make",
            self.foreign.clone(),
        );
    }
}

impl Metrics {
    /// A webhook came, and this became of it.
    pub fn delivered(&self, event: &str, result: &'static str) {
        let labels = vec![("event", event.to_owned()), ("result", result.to_owned())];
        self.counted.deliveries.get_or_create(&labels).inc();
    }

    pub(super) fn ran(&self, repository: &str, is_good: bool, took: Duration) {
        let mut labels = of(repository);
        let seconds = took.as_secs_f64();
        self.counted.seconds.get_or_create(&labels).observe(seconds);
        let result = if is_good { "success" } else { "failure" };
        labels.push(("result", result.to_owned()));
        self.counted.runs.get_or_create(&labels).inc();
    }

    /// So many requests were sent.
    pub(super) fn called(&self, repository: &str, calls: u64) {
        let counter = self.counted.calls.get_or_create(&of(repository)).clone();
        counter.inc_by(calls);
    }

    /// So many commits on `main` are not the bot's.
    pub(super) fn found_foreign(&self, repository: &str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let gauge = self.counted.foreign.get_or_create(&of(repository)).clone();
        gauge.set(count);
    }

    /// So much work waits, or is being done.
    pub(super) fn queued(&self, repository: &str, depth: usize) {
        let depth = i64::try_from(depth).unwrap_or(i64::MAX);
        self.counted.queue.get_or_create(&of(repository)).set(depth);
    }

    /// What a good run did.
    pub(super) fn learn(&self, repository: &str, summary: &Summary, at: DateTime<Utc>) {
        let mut open = 0;
        for handled in &summary.handled {
            let Some(status) = handled.status else {
                open += 1;
                continue;
            };
            let level = handled.report.details.level;
            let level = level.map_or_else(|| "none".to_owned(), |level| level.to_string());
            let mut labels = of(repository);
            labels.push(("level", level));
            labels.push(("status", status.as_str().to_owned()));
            self.counted.decisions.get_or_create(&labels).inc();
        }
        let labels = of(repository);
        self.counted.open.get_or_create(&labels).set(open);
        let last = self.counted.last_success.get_or_create(&labels).clone();
        last.set(at.timestamp());
    }

    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.counted.registry)?;
        Ok(text)
    }
}

fn of(repository: &str) -> Labels {
    vec![("repository", repository.to_owned())]
}

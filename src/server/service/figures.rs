//! What the trail answers as a whole: figures, lessons, reports. Agents learn from their own cases.

use serde::Serialize;
use serde_json::Value as Json;

use super::{AuthContext, Kind, Result, ServiceError, now};
use crate::domain::ids::{AgentName, CaseId};
use crate::insight::case_documents::Documents;
use crate::insight::lessons::Lessons;
use crate::insight::reports::{ForPrograms, Name, Scope};
use crate::insight::trend::Interval;
use crate::insight::{Index, Metrics, Period};
use crate::server::authentication::Caller;
use crate::server::case_store::CaseStoreError;

impl AuthContext {
    /// The figures of the dashboard.
    ///
    /// # Errors
    /// When who asks is an agent: they are about everybody.
    pub async fn metrics(&self, period: Period) -> Result<Json> {
        self.people_only("figures about everybody")?;
        let figures = self.worker.case_store().read(move |reader| {
            shown(&Metrics::of(reader.snapshot.index(), period, Interval::Day))
        });
        figures.await?
    }

    /// What an agent can learn from its decided cases; an agent learns from its own.
    pub async fn lessons(&self, agent: Option<AgentName>, period: Period) -> Result<Lessons> {
        let agent = match (&self.caller, agent) {
            (Caller::Agent(name), None) => name.clone(),
            (_, Some(agent)) => agent,
            (Caller::Person { .. }, None) => {
                return Err(ServiceError::new(
                    Kind::Malformed,
                    "it is not said whose lessons",
                    "name the agent in `agent`",
                ));
            }
        };
        self.own(Some(agent.as_str()))?;
        self.compute_with_documents(
            {
                let agent = agent.clone();
                move |index| Lessons::wanted(index, agent.as_str(), period)
            },
            move |index, documents| Ok(Lessons::of(index, agent.as_str(), period, documents)),
        )
        .await
    }

    pub async fn figures(&self, name: Name, asked: Scope) -> Result<Json> {
        self.people_only("a report about everybody")?;
        let scope = Scope {
            period: name.period(asked.period, now()),
            agent: asked.agent,
        };
        let wanted = scope.clone();
        self.compute_with_documents(
            move |index| name.wanted(index, &wanted),
            move |index, documents| {
                let report = name.report(index, &scope, documents);
                shown(&ForPrograms::new(name, &scope, &report))
            },
        )
        .await
    }

    /// Computes something that quotes the documents of the cases that are wanted.
    async fn compute_with_documents<T: Send + 'static>(
        &self,
        wanted: impl Fn(&Index) -> Vec<CaseId> + Clone + Send + 'static,
        compute: impl FnOnce(&Index, &Documents) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let case_store = self.worker.case_store();
        case_store.fetch(wanted.clone()).await?;
        let computing = case_store.read(move |reader| {
            let index = reader.snapshot.index();
            let documents = reader
                .documents(&wanted(index))
                .map_err(CaseStoreError::from)?;
            compute(index, &documents)
        });
        computing.await?
    }

    fn people_only(&self, what: &str) -> Result<()> {
        match &self.caller {
            Caller::Person { .. } => Ok(()),
            Caller::Agent(_) => Err(ServiceError::new(
                Kind::Forbidden,
                format!("{what} is for people"),
                "an agent reads its own cases and lessons",
            )),
        }
    }
}

fn shown<T: Serialize>(value: &T) -> Result<Json> {
    serde_json::to_value(value).map_err(|error| ServiceError::internal(&error))
}

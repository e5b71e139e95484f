//! What was asked of this GitHub, by whom: API calls are money (they are limited), so tests count them.

use std::fmt;

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    /// GitHub's own template of the address, as `/repos/{owner}/{repo}/pulls`; for git the service.
    pub route: String,
    pub path: String,
    pub actor: String,
    /// Whether the program under test made it, and not one of the story's people.
    pub under_test: bool,
    /// Whether it was git, which no rate limit counts.
    pub git: bool,
    pub status: u16,
}

/// Requests in the order in which they came.
#[derive(Debug, Clone)]
pub struct Calls(pub Vec<Call>);

impl Calls {
    pub fn count(&self) -> usize {
        self.0.len()
    }
    fn keep(&self, wanted: impl Fn(&Call) -> bool) -> Self {
        Self(self.0.iter().filter(|call| wanted(call)).cloned().collect())
    }
    /// Those of the program under test.
    pub fn under_test(&self) -> Self {
        self.keep(|call| call.under_test)
    }
    /// Those of somebody.
    pub fn by(&self, login: &str) -> Self {
        self.keep(|call| call.actor == login)
    }
    /// Those of the REST API.
    pub fn api(&self) -> Self {
        self.keep(|call| !call.git)
    }
    /// Those of git.
    pub fn git(&self) -> Self {
        self.keep(|call| call.git)
    }
    /// Those of one operation.
    pub fn to(&self, method: &str, route: &str) -> Self {
        self.keep(|call| call.method == method && call.route == route)
    }
    /// Those that change something.
    pub fn writes(&self) -> Self {
        // A query in GraphQL is a POST, and writes nothing.
        self.keep(|call| call.method != "GET" && call.route != "/graphql")
    }
    /// Fails the test, with the list, if there are more.
    #[track_caller]
    pub fn at_most(&self, count: usize) {
        assert!(
            self.count() <= count,
            "{} calls, at most {count} allowed:\n{self}",
            self.count()
        );
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for call in &self.0 {
            let Call {
                method,
                path,
                actor,
                status,
                ..
            } = call;
            writeln!(out, "{status} {method} {path} by {actor}")?;
        }
        Ok(())
    }
}

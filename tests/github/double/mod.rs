//! A GitHub for tests: stateful, over real HTTP, with real git behind it.
//!
//! Tests that fake GitHub call by call agree with whatever the program does. This one keeps its own books: a push moves
//! heads and merges what it contains, an approval belongs to a commit, a token runs out. Everything that goes over the
//! wire is held against GitHub's own description ([`openapi`]), by the program under test as well as by this double and
//! by the story's people. A story fails when it ends with an unread comment of the bot, with a request, answer or
//! webhook that GitHub does not describe, or with a fault that never happened.
//!
//! ```ignore
//! mod double;
//! use double::{Fault, GithubStage};
//!
//! let github = GithubStage::new();
//! let number = github.agent("strategy-optimizer").opens_pull("recommend/a", &[("a.yaml", "a: 1\n")]);
//! // … the program under test runs against github.url(), with github.installation_token() …
//! github.user("alice").approves(number, "Thirty clean days on paper.");
//! assert!(github.read_comment(number).contains("needs 1 approval"));
//! github.calls().under_test().api().at_most(5);
//! ```

#![allow(dead_code)]

pub mod calls;
pub mod crypto;
pub mod emulate;
pub mod faults;
pub mod git_http;
pub mod git_room;
pub mod graphql;
mod graphql_schema;
pub mod openapi;
pub mod people;
pub mod routes;
pub mod server;
pub mod shapes;
pub mod stage;
pub mod webhooks;
pub mod world;

// Not every test needs all of it.
#[allow(unused_imports)]
pub use faults::Fault;
#[allow(unused_imports)]
pub use people::{Person, Response, ask};
#[allow(unused_imports)]
pub use stage::cast::AppCheck;
pub use stage::{APP_ID, GithubStage, INSTALLATION, ORG, REPO, SECRET, StoryClock};
#[allow(unused_imports)]
pub use webhooks::{Delivered, Delivery, Weather};

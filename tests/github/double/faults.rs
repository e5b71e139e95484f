//! What goes wrong on GitHub, on demand.
//!
//! A fault waits for a request that it is meant for, happens to it, and is spent. As they are made here they are
//! meant for the program under test only, so that a story's people can go on meanwhile. A fault that never happened
//! fails the test: it would have proved nothing.

use serde_json::json;

use super::server::Reply;
use super::world::{Actor, World};

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Harm {
    /// It is answered so and not carried out.
    Answered {
        status: u16,
        headers: Vec<(&'static str, String)>,
        message: &'static str,
    },
    /// It is carried out, and the answer is lost on the way back.
    AnswerLost { status: u16 },
    /// The token is no longer one.
    TokenExpired,
    /// Somebody moves `main` at the last moment.
    MainMoves { by: String },
}

/// A fault, and the requests that it is meant for.
#[derive(Clone, Debug)]
pub struct Fault {
    pub harm: Harm,
    pub method: Option<&'static str>,
    pub route: Option<&'static str>,
    pub only_writes: bool,
    pub git: bool,
    pub times: u32,
    pub skip: u32,
    pub anybody: bool,
}

/// A fault that waits.
pub struct Armed {
    pub fault: Fault,
    pub left: u32,
    pub skip: u32,
    pub happened: u32,
}

impl Fault {
    fn of(harm: Harm) -> Self {
        Self {
            harm,
            method: None,
            route: None,
            only_writes: false,
            git: false,
            times: 1,
            skip: 0,
            anybody: false,
        }
    }

    /// Any answer, instead of the right one.
    pub fn answers(status: u16, message: &'static str) -> Self {
        Self::of(Harm::Answered {
            status,
            headers: Vec::new(),
            message,
        })
    }
    /// A write is answered with 502 and was not carried out.
    pub fn bad_gateway_on_write() -> Self {
        Self {
            only_writes: true,
            ..Self::answers(502, "Server Error")
        }
    }
    /// A write is answered with 502 although it was carried out: who repeats it writes twice.
    pub fn bad_gateway_after_write() -> Self {
        Self {
            only_writes: true,
            ..Self::of(Harm::AnswerLost { status: 502 })
        }
    }
    /// The hour's requests are used up.
    pub fn rate_limited(reset_in_seconds: i64) -> Self {
        let reset = chrono::Utc::now().timestamp() + reset_in_seconds;
        let headers = vec![
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", reset.to_string()),
        ];
        let message = "API rate limit exceeded for installation.";
        Self::of(Harm::Answered {
            status: 403,
            headers,
            message,
        })
    }
    /// Too much at once; `status` is 403 or 429, both of which GitHub uses.
    pub fn secondary_limit(status: u16, retry_after_seconds: u32) -> Self {
        let headers = vec![("retry-after", retry_after_seconds.to_string())];
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        Self::of(Harm::Answered {
            status,
            headers,
            message,
        })
    }
    /// The token stops being valid: this request and all later ones with it get 401.
    pub fn token_expires() -> Self {
        Self::of(Harm::TokenExpired)
    }
    /// While a push is on its way, another copy of the bot moves `main`, with this user's rights.
    pub fn main_moves_before_push(by: &str) -> Self {
        Self {
            git: true,
            ..Self::of(Harm::MainMoves { by: by.to_owned() })
        }
    }
    /// Meant for this operation only.
    pub fn on(self, method: &'static str, route: &'static str) -> Self {
        Self {
            method: Some(method),
            route: Some(route),
            ..self
        }
    }
    /// Meant for git, not for the API.
    pub fn on_git(self) -> Self {
        Self { git: true, ..self }
    }
    /// Happens so often.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
    /// Lets so many pass that it is meant for.
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }
    /// Meant for the story's people as well.
    pub fn for_anybody(self) -> Self {
        Self {
            anybody: true,
            ..self
        }
    }

    fn meant_for(&self, asked: &Asked) -> bool {
        let Asked {
            actor,
            method,
            route,
            git,
        } = asked;
        self.git == *git
            && (self.anybody || actor.under_test)
            && self.method.is_none_or(|wanted| wanted == *method)
            && self.route.is_none_or(|wanted| wanted == *route)
            && (!self.only_writes || *method != "GET")
            // A push's first half only reads.
            && (!matches!(self.harm, Harm::MainMoves { .. }) || *route == "git-receive-pack")
    }
}

/// A request, as far as faults are concerned.
pub struct Asked<'a> {
    pub actor: &'a Actor,
    pub method: &'a str,
    pub route: &'a str,
    pub git: bool,
}

impl World {
    /// The fault that befalls a request.
    pub fn befalls(&mut self, asked: &Asked) -> Option<Harm> {
        let armed = self
            .faults
            .iter_mut()
            .find(|armed| armed.left > 0 && armed.fault.meant_for(asked))?;
        if armed.skip > 0 {
            armed.skip -= 1;
            return None;
        }
        armed.left -= 1;
        armed.happened += 1;
        Some(armed.fault.harm.clone())
    }
}

/// The answer of a fault.
pub fn reply(status: u16, headers: &[(&'static str, String)], message: &str) -> Reply {
    let mut reply = if status >= 500 {
        // Not GitHub's application but the gateway before it answers, in HTML.
        let mut page = Reply::plain(
            status,
            format!("<html><title>{message}</title></html>").into_bytes(),
        );
        page.headers
            .push(("content-type".to_owned(), "text/html".to_owned()));
        page
    } else {
        let body = json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()});
        Reply::json(status, &body)
    };
    reply.headers.extend(
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    reply
}

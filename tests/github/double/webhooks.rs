//! Webhooks on their way: signed, numbered, and sent over real HTTP, as well or as badly as a test wants.
//!
//! GitHub promises little: a delivery may come twice, late, in another order or never, and it does not try again by
//! itself. Each of these can be had here. What was sent, and what came back, is kept.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::crypto;

/// One event, ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `X-GitHub-Delivery`: the same when it is sent again.
    pub id: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The payload's `action`, if it has one.
    pub action: Option<String>,
    /// Exactly the bytes that are signed.
    pub body: String,
}

impl Delivery {
    pub fn payload(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Real payloads of an event, as GitHub once sent them: whoever reads webhooks must read these.
pub fn real_payloads(event: &str) -> Vec<Value> {
    static REAL: OnceLock<Value> = OnceLock::new();
    let path = "@octokit/webhooks-examples/api.github.com/index.json";
    let all = REAL.get_or_init(|| super::openapi::npm_json(path));
    let mut events = all.as_array().unwrap().iter();
    let found = events.find(|one| one["name"] == event);
    let found = found.unwrap_or_else(|| panic!("there are no real payloads of `{event}`"));
    found["examples"].as_array().unwrap().clone()
}

/// What came of one sending.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub delivery: Delivery,
    /// The status that was answered; none if nothing came back in time.
    pub status: Option<u16>,
    pub answer: String,
}

/// How deliveries go wrong.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Every delivery is sent twice.
    pub duplicate: bool,
    /// The youngest first.
    pub reverse: bool,
    /// Of every so many one is lost (2: every second).
    pub drop_every: Option<usize>,
    /// Signed with another secret.
    pub wrong_signature: bool,
    /// Not signed at all.
    pub unsigned: bool,
}

/// Everything that waits to be sent, and everything that was.
#[derive(Default)]
pub struct Outbox {
    pub url: Option<String>,
    pub secret: String,
    pub app_id: u64,
    pub weather: Weather,
    /// Only these events are sent; none means all.
    pub subscribed: Option<Vec<String>>,
    pub waiting: VecDeque<Delivery>,
    pub lost: Vec<Delivery>,
    pub sent: Vec<Delivered>,
    /// Sent by themselves, as soon as they are there.
    pub live: bool,
    pub on_the_way: usize,
    /// The stage is gone.
    pub closed: bool,
    pub count: u64,
    pub dropping: usize,
}

impl Outbox {
    pub fn push(&mut self, event: &str, payload: &Value) {
        if let Some(events) = &self.subscribed
            && !events.iter().any(|wanted| wanted == event)
        {
            return;
        }
        self.count += 1;
        self.waiting.push_back(Delivery {
            id: format!("d0b1e000-0000-11ee-8000-{:012x}", self.count),
            event: event.to_owned(),
            action: payload["action"].as_str().map(str::to_owned),
            body: payload.to_string(),
        });
    }

    /// Takes everything that waits, in the order and number that the weather allows.
    pub fn take(&mut self) -> Vec<Delivery> {
        let mut batch: Vec<Delivery> = self.waiting.drain(..).collect();
        if let Some(every) = self.weather.drop_every {
            let (mut kept, mut lost) = (Vec::new(), Vec::new());
            for delivery in batch {
                self.dropping += 1;
                let gone = self.dropping.is_multiple_of(every);
                if gone { &mut lost } else { &mut kept }.push(delivery);
            }
            self.lost.extend(lost);
            batch = kept;
        }
        if self.weather.duplicate {
            batch = batch
                .into_iter()
                .flat_map(|one| [one.clone(), one])
                .collect();
        }
        if self.weather.reverse {
            batch.reverse();
        }
        self.on_the_way += batch.len();
        batch
    }

    /// Puts one that was sent or lost in the line again, under its old id.
    pub fn again(&mut self, id: &str) {
        let sent = self.sent.iter().map(|sent| &sent.delivery);
        let found = sent.chain(&self.lost).find(|delivery| delivery.id == id);
        let found = found
            .unwrap_or_else(|| panic!("no delivery {id} was sent or lost"))
            .clone();
        self.waiting.push_back(found);
    }

    /// What is needed to send one.
    pub fn post(&self, delivery: &Delivery) -> Post {
        let secret = if self.weather.wrong_signature {
            "another secret"
        } else {
            &self.secret
        };
        let signature = crypto::hub_signature(secret, delivery.body.as_bytes());
        Post {
            url: self
                .url
                .clone()
                .expect("webhooks have nowhere to go: say where with `webhooks_to`"),
            signature: (!self.weather.unsigned).then_some(signature),
            app_id: self.app_id,
            delivery: delivery.clone(),
        }
    }
}

/// One sending.
pub struct Post {
    url: String,
    signature: Option<String>,
    app_id: u64,
    delivery: Delivery,
}

impl Post {
    /// Sends it, and waits as long as GitHub does.
    pub fn send(self) -> Delivered {
        let delivery = self.delivery;
        let mut request = ureq::http::Request::post(&self.url)
            .header("content-type", "application/json")
            .header("user-agent", "GitHub-Hookshot/double")
            .header("x-github-delivery", &delivery.id)
            .header("x-github-event", &delivery.event)
            .header("x-github-hook-id", "1")
            .header(
                "x-github-hook-installation-target-id",
                self.app_id.to_string(),
            )
            .header("x-github-hook-installation-target-type", "integration");
        if let Some(signature) = &self.signature {
            request = request.header("x-hub-signature-256", signature);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let (status, answer) = match agent.run(request.body(delivery.body.clone()).unwrap()) {
            Ok(mut answer) => {
                let text = answer.body_mut().read_to_string().unwrap_or_default();
                (Some(answer.status().as_u16()), text)
            }
            Err(error) => (None, error.to_string()),
        };
        Delivered {
            delivery,
            status,
            answer,
        }
    }
}

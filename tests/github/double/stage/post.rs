//! Webhooks: held, sent, sent again.

use std::sync::Arc;

use super::super::server::Shared;
use super::super::webhooks::{Delivered, Delivery, Weather};
use super::GithubStage;

impl GithubStage {
    /// Where webhooks go, from now on; what waits so far is forgotten.
    pub fn webhooks_to(&self, url: &str) {
        self.world(|world| {
            world.outbox.url = Some(url.to_owned());
            world.outbox.waiting.clear();
        });
    }
    /// The App asked for these events only.
    pub fn subscribes_to(&self, events: &[&str]) {
        let events = events.iter().map(|event| (*event).to_owned()).collect();
        self.world(|world| world.outbox.subscribed = Some(events));
    }
    /// From now on deliveries go out by themselves.
    pub fn webhooks_live(&self, live: bool) {
        self.world(|world| world.outbox.live = live);
    }
    pub fn webhook_weather(&self, weather: Weather) {
        self.world(|world| world.outbox.weather = weather);
    }
    /// What waits to be sent.
    pub fn waiting(&self) -> Vec<Delivery> {
        self.world(|world| world.outbox.waiting.iter().cloned().collect())
    }
    /// Forgets what waits.
    pub fn forget_webhooks(&self) {
        self.world(|world| world.outbox.waiting.clear());
    }
    /// Sends what waits, and what comes of that, until nothing is left.
    pub fn deliver(&self) -> Vec<Delivered> {
        let mut made = Vec::new();
        loop {
            let batch = self.world(|world| world.outbox.take());
            if batch.is_empty() {
                return made;
            }
            made.extend(
                batch
                    .iter()
                    .map(|delivery| post_one(&self.shared, delivery)),
            );
        }
    }
    /// Puts one in the line again, as `Redeliver` does: its id stays.
    pub fn redeliver(&self, id: &str) {
        self.world(|world| world.outbox.again(id));
    }
    /// Everything that was sent, and what came back.
    pub fn sent(&self) -> Vec<Delivered> {
        self.world(|world| world.outbox.sent.clone())
    }
    /// What was lost on the way.
    pub fn lost(&self) -> Vec<Delivery> {
        self.world(|world| world.outbox.lost.clone())
    }
    /// Waits until every delivery was answered.
    #[track_caller]
    pub fn settle(&self) {
        self.wait_until("no webhook is on its way", |world| {
            world.outbox.waiting.is_empty() && world.outbox.on_the_way == 0
        });
    }
}

fn post_one(shared: &Shared, delivery: &Delivery) -> Delivered {
    let post = shared.lock().outbox.post(delivery);
    let came = post.send();
    let mut world = shared.lock();
    world.outbox.on_the_way -= 1;
    world.outbox.sent.push(came.clone());
    drop(world);
    shared.changed.notify_all();
    came
}

/// Sends live deliveries until the stage is gone.
pub fn post_live(shared: &Arc<Shared>) {
    let mut world = shared.lock();
    // The stage's own hold on the world is dropped with it; then nobody but the server's thread and this one is left.
    while !world.outbox.closed {
        let ready = world.outbox.live && !world.outbox.waiting.is_empty();
        if !ready {
            let waited = shared.changed.wait(world);
            world = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
            continue;
        }
        let batch = world.outbox.take();
        drop(world);
        for delivery in &batch {
            post_one(shared, delivery);
        }
        world = shared.lock();
    }
}

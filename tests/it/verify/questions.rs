//! What the agent was asked and what it answered, held against what was said.

use chrono::TimeDelta;
use countersign::bot::questions::{NewAnswer, NewQuestion};
use countersign::domain::ids::PullNumber;
use countersign::domain::review::Opinion;
use countersign::ledger::verify::FindingKind;

use super::story::MEDIUM;
use super::world::World;
use super::{edited, forging, told};

/// A case with a question that was answered, and one that was not.
fn asked() -> (World, usize) {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    let number = PullNumber(1);
    for (by, text) in [("alice", "Why 4?"), ("bob", "And why now?")] {
        let question = NewQuestion {
            number,
            by: by.parse().unwrap(),
            text: text.to_owned(),
            at: world.now(),
        };
        world.bot().ask(&question).unwrap();
        world.wait(TimeDelta::minutes(1));
    }
    let answer = NewAnswer {
        number,
        by: "strategy-optimizer".parse().unwrap(),
        question: None,
        text: "It was stopped out at 3.".to_owned(),
        at: world.now(),
    };
    world.bot().answer(&answer).unwrap();
    world.wait(TimeDelta::minutes(1));
    world.review(1, "alice", Opinion::Approve, "I read it.");
    world.run();
    assert_eq!(told(&world.verify()), "");
    let place = world.place("decision: approve");
    (world, place)
}

#[test]
fn questions_and_answers_are_what_was_said() {
    for (from, to, why) in [
        (
            "text: Why 4?",
            "text: Why 5?",
            "question `r1` was not asked like that",
        ),
        (
            "text: It was stopped out at 3.",
            "text: It was stopped out at 2.",
            "question `r1` was not answered like that",
        ),
        (
            "- id: r2\n  by: bob",
            "- id: r2\n  by: carol",
            "question `r2` was not asked like that",
        ),
        (
            "- id: r2\n  by: bob",
            "- id: r9\n  by: bob",
            "`bob` did not ask question `r9`; question `r2` of `bob` is left out",
        ),
        (
            "words: /ask Why 4?",
            "words: Why 4?",
            "`alice` did not ask question `r1`",
        ),
        (
            "words: '/answer r1: It was",
            "words: '/answer r2: It was",
            "question `r1` was not answered like that; question `r2` was not answered like that",
        ),
    ] {
        let (world, place) = asked();
        let forgery = edited(&world, place, &[(from, to)], None);
        let found = forging(&world, place, &forgery, FindingKind::WrongQuestions);
        let said: Vec<String> = told(&found)
            .lines()
            .filter_map(|line| Some(line.split_once("`questions`: ")?.1.to_owned()))
            .collect();
        assert_eq!(said.join("; "), why, "{}", told(&found));
    }
}

//! What can be asked, in words: for the description of the API and for the tools of MCP, which models choose by.

pub struct Operation {
    pub summary: &'static str,
    pub details: &'static str,
}

impl Operation {
    pub fn text(&self) -> String {
        format!("{}. {}", self.summary, self.details)
    }
}

pub const CHOICES: Operation = Operation {
    summary: "Say what an agent may propose: actions, targets, values, and what is asked for",
    details: "Its actions; the targets with environment, labels and parameters, each with type, unit, present value, and in \
        words which values are usual there and how far it may move; what each level needs, the windows, and the rules that \
        may apply. With many targets some are only named: ask for those by `target`. An agent reads this before its first \
        proposal.",
};

pub const CHECK: Operation = Operation {
    summary: "Validate and score a recommendation; changes nothing",
    details: "Answers whether it is valid, the risk (score, level, every factor and trigger with its reason), which approval \
        it would need, and in `reduce` the smallest edits that would bring it to a lower level. Check again after every edit.",
};

pub const PROPOSE: Operation = Operation {
    summary: "Propose a recommendation: opens a pull request in the name of the agent whose token this is",
    details: "Answers its id and number. LOW risk is approved and carried out at once, MEDIUM waits for a reviewer, HIGH for \
        an admin; do not take the action before it is approved. With an `id` of your own the request can be repeated without \
        harm: the same content is proposed once. Only on repositories that are their own forge: on GitHub an agent opens its \
        pull requests itself.",
};

pub const LIST: Operation = Operation {
    summary: "List cases: pending ones first, then decided ones, each the newest first",
    details: "Of each its number, status, score, level, who decided and what came of it. An agent sees its own.",
};

pub const SHOW: Operation = Operation {
    summary: "Show one whole case: what was proposed, why this score, who decided and why, what came of it",
    details: "While `status` is `pending`, `report` says whom it waits for. When it is `approved`, `granted` or \
        `auto_approved`, `outcome` says what came of it, and `decision.amendment` what of it was approved, if that was not all; \
        when it is `rejected`, `decision.rejection` says why.",
};

pub const WAIT: Operation = Operation {
    summary: "Wait for news of a case, and answer all of it",
    details: "The answer comes as soon as the case is decided, changes are requested, something is asked, or it stands \
        otherwise, and `news` says what; or with `status: pending` when the time is up. With the `state` of the last answer \
        as `seen` nothing is missed between two waits; without it, one for whom changes are requested is told at once. If \
        somebody asks (`news.kind` is `question`), answer; if changes are requested, amend it.",
};

pub const ASK: Operation = Operation {
    summary: "Ask the agent of a pending case something; people only",
    details: "Reviewers, admins and those whom a rule asks may. It blocks nothing: it is open in `questions` until the agent \
        answers, and ends the agent's wait. Asking the same again while it is open changes nothing. On GitHub comment \
        `/ask TEXT` on the pull request.",
};

pub const ANSWER: Operation = Operation {
    summary: "Answer a question that a person asks about a pending case of yours",
    details: "`questions` of the case says what was asked and what is open. Without `question` it answers the oldest that is \
        open. Question and answer become part of the record. Afterwards wait with the `state` that this answers as `seen`.",
};

pub const AMEND: Operation = Operation {
    summary: "Amend a pending case of yours: replace what it proposes, under the same id",
    details: "The whole recommendation again, as it is to be now. It is scored anew, and no approval that was given before \
        counts. Do this when changes are requested. The same content once more changes nothing.",
};

pub const WITHDRAW: Operation = Operation {
    summary: "Withdraw a pending case of yours: nobody need look at it any more",
    details: "It ends as `withdrawn`, which is recorded. What is decided cannot be withdrawn.",
};

pub const LESSONS: Operation = Operation {
    summary: "Read what the decided cases of an agent teach, the most useful facts first",
    details: "What was rejected and why, which values came to which level, what failed, what people said. An agent reads its \
        own, before it proposes.",
};

pub const REPORT: Operation = Operation {
    summary: "Report what came of an approved case",
    details: "By its agent, if the agent or another system carries it out (executor `external`): the bot itself records what \
        it carries out. By the agent's owner, a reviewer or an admin in any case. A correction is a further record.",
};

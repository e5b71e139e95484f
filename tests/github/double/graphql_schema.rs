//! The excerpt of GitHub's public GraphQL schema that the double answers by.

/// The excerpt: a type, and its fields with their types and arguments. A type in capitals is a union or an interface.
pub type Field = (&'static str, &'static str, &'static [&'static str]);
pub const SCHEMA: &[(&str, &[Field])] = &[
    ("Query", &[("repository", "Repository", &["owner", "name"])]),
    (
        "Repository",
        &[
            ("pullRequest", "PullRequest", &["number"]),
            ("label", "Label", &["name"]),
            ("nameWithOwner", "", &[]),
        ],
    ),
    (
        "PullRequest",
        &[
            ("number", "", &[]),
            ("state", "", &[]),
            ("isDraft", "", &[]),
            ("headRefOid", "", &[]),
            ("headRefName", "", &[]),
            ("baseRefName", "", &[]),
            ("maintainerCanModify", "", &[]),
            ("headRepository", "Repository", &[]),
            (
                "timelineItems",
                "PullRequestTimelineItemsConnection",
                &["itemTypes", "first", "last", "after", "before", "since"],
            ),
            (
                "reviews",
                "PullRequestReviewConnection",
                &["first", "last", "after", "before", "states", "author"],
            ),
        ],
    ),
    (
        "PullRequestTimelineItemsConnection",
        &[
            ("nodes", "PullRequestTimelineItems", &[]),
            ("pageInfo", "PageInfo", &[]),
        ],
    ),
    (
        "PullRequestReviewConnection",
        &[
            ("nodes", "PullRequestReview", &[]),
            ("pageInfo", "PageInfo", &[]),
            ("totalCount", "", &[]),
        ],
    ),
    ("PullRequestTimelineItems", &[]),
    (
        "BaseRefChangedEvent",
        &[
            ("createdAt", "", &[]),
            ("currentRefName", "", &[]),
            ("previousRefName", "", &[]),
            ("actor", "Actor", &[]),
        ],
    ),
    (
        "AutomaticBaseChangeSucceededEvent",
        &[
            ("createdAt", "", &[]),
            ("oldBase", "", &[]),
            ("newBase", "", &[]),
            ("actor", "Actor", &[]),
        ],
    ),
    (
        "PageInfo",
        &[("hasNextPage", "", &[]), ("endCursor", "", &[])],
    ),
    (
        "PullRequestReview",
        &[
            ("fullDatabaseId", "", &[]),
            ("state", "", &[]),
            ("body", "", &[]),
            ("submittedAt", "", &[]),
            ("createdAt", "", &[]),
            ("lastEditedAt", "", &[]),
            ("editor", "Actor", &[]),
            ("commit", "Commit", &[]),
            ("author", "Actor", &[]),
        ],
    ),
    (
        "Mutation",
        &[
            ("addComment", "AddCommentPayload", &["input"]),
            ("createCheckRun", "CreateCheckRunPayload", &["input"]),
            ("createLabel", "CreateLabelPayload", &["input"]),
            (
                "addLabelsToLabelable",
                "AddLabelsToLabelablePayload",
                &["input"],
            ),
        ],
    ),
    (
        "CreateLabelPayload",
        &[("clientMutationId", "", &[]), ("label", "Label", &[])],
    ),
    (
        "AddLabelsToLabelablePayload",
        &[("clientMutationId", "", &[])],
    ),
    (
        "Label",
        &[
            ("id", "", &[]),
            ("name", "", &[]),
            ("color", "", &[]),
            ("repository", "Repository", &[]),
        ],
    ),
    (
        "AddCommentPayload",
        &[
            ("clientMutationId", "", &[]),
            ("commentEdge", "IssueCommentEdge", &[]),
        ],
    ),
    ("IssueCommentEdge", &[("node", "IssueComment", &[])]),
    (
        "IssueComment",
        &[
            ("id", "", &[]),
            ("fullDatabaseId", "", &[]),
            ("body", "", &[]),
        ],
    ),
    (
        "CreateCheckRunPayload",
        &[("clientMutationId", "", &[]), ("checkRun", "CheckRun", &[])],
    ),
    (
        "CheckRun",
        &[
            ("id", "", &[]),
            ("databaseId", "", &[]),
            ("name", "", &[]),
            ("externalId", "", &[]),
        ],
    ),
    ("Commit", &[("oid", "", &[])]),
    ("Actor", &[("login", "", &[])]),
    ("User", &[("login", "", &[]), ("databaseId", "", &[])]),
    ("Bot", &[("login", "", &[]), ("databaseId", "", &[])]),
    ("Mannequin", &[("login", "", &[]), ("databaseId", "", &[])]),
];

/// What of a type may be asked as another.
pub const KINDS: &[(&str, &[&str])] = &[
    ("Actor", &["User", "Bot", "Mannequin"]),
    (
        "PullRequestTimelineItems",
        &["BaseRefChangedEvent", "AutomaticBaseChangeSucceededEvent"],
    ),
];

/// What a mutation takes: its name, what it must be given, and what it may be.
pub const INPUTS: &[(&str, &[&str], &[&str])] = &[
    ("addComment", &["subjectId", "body"], &["clientMutationId"]),
    (
        "createLabel",
        &["repositoryId", "name", "color"],
        &["description", "clientMutationId"],
    ),
    (
        "addLabelsToLabelable",
        &["labelableId", "labelIds"],
        &["clientMutationId"],
    ),
    (
        "createCheckRun",
        &["repositoryId", "name", "headSha"],
        &[
            "detailsUrl",
            "externalId",
            "status",
            "startedAt",
            "conclusion",
            "completedAt",
            "output",
            "actions",
            "clientMutationId",
        ],
    ),
];

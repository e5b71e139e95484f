#!/usr/bin/env bash
# Makes the sample trail of an engine 1 whose rules later engines refuse to read (an action without an effect that a
# program carries out), and which wrote a target's text without the quotes that later ones give it:
#   COUNTERSIGN=path/to/that/release make-refused-rules.sh engine-1-refused-rules.bundle
# It was made once, by the last release of engine 1.
set -euo pipefail
cs=$(realpath "${COUNTERSIGN:?the binary of the release}")
output=$(realpath -m "${1:?the bundle to write}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export HOME=$folder XDG_STATE_HOME=$folder/state GIT_CONFIG_NOSYSTEM=1 COUNTERSIGN_REPO=$folder/governance.git
run() { "$cs" run >/dev/null; }
propose() { "$cs" propose --agent strategy-optimizer "$@" --rationale "For the sample." >/dev/null; run; }

"$cs" init governance.git --example >/dev/null
git clone -q governance.git work

# 1 LOW, carried out by the bot under rules that every engine reads.
propose --action modify_parameters --target rsi-eurusd-draft --set stop_loss_pct=1.5
# 2 a date as text.
propose --action modify_parameters --target rsi-eurusd-draft --set review_date=2026-01-01
# 3 a governance change: `notify` has no effect, and a program carries it out.
cd work
git fetch -q
git checkout -q -b govern/notify origin/main
cat >> rules/actions.yaml <<'Y'
  notify:
    description: Tell a team.
    effect: none
    reversibility: easy
    executor: command
    command: {argv: [/bin/cat], time_limit_seconds: 60}
Y
sed -i '0,/      - analyze/s//      - notify\n      - analyze/' rules/agents.yaml
git add -A
git -c user.name=alice -c user.email=alice@example.org commit -qm "Let the optimizer notify"
git push -q origin HEAD:refs/heads/govern/notify
cd ..
run
"$cs" review 3 --as carol --approve --message "As agreed in the team." >/dev/null
run
# 4 LOW, carried out by the bot under those rules, and 5 by the program.
propose --action modify_parameters --target rsi-eurusd-draft --set stop_loss_pct=2
propose --action notify --target rsi-eurusd-draft
"$cs" list
"$cs" verify
git -C governance.git bundle create -q "$output" main

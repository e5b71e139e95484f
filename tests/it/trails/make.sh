#!/usr/bin/env bash
# Makes the sample trail of one engine, which every later engine must still be able to verify:
#   COUNTERSIGN=path/to/that/release make.sh engine-N.bundle
# A sample is made once, by the last release of its engine, and never again.
set -euo pipefail
cs=$(realpath "${COUNTERSIGN:?the binary of the release}")
output=$(realpath -m "${1:?the bundle to write}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export HOME=$folder XDG_STATE_HOME=$folder/state GIT_CONFIG_NOSYSTEM=1 COUNTERSIGN_REPO=$folder/governance.git
agent=(-c user.name=strategy-optimizer -c user.email=strategy-optimizer@agents.example.org)
carol=(-c user.name=carol -c user.email=carol@example.org)
run() { "$cs" run >/dev/null; }
propose() { "$cs" propose --agent "${by:-strategy-optimizer}" "$@" --rationale "For the sample." >/dev/null; run; }
review() { "$cs" review "$@" >/dev/null; run; }

"$cs" init governance.git --example >/dev/null
git clone -q governance.git work

# 1 LOW, by itself. 2 MEDIUM, approved. 3 HIGH, approved with a justification. 4 rejected.
propose --action modify_parameters --target rsi-eurusd-draft --set stop_loss_pct=1.5
propose --action modify_parameters --target rsi-eurusd --set stop_loss_pct=4
review 2 --as bob --request-changes --message "Why not 3.5?"
review 2 --as bob --approve --confidence uncertain
propose --action modify_parameters --target rsi-eurusd-paper --set trading_mode=live
review 3 --as carol --approve --message "Thirty clean days on paper, limits unchanged." --confidence confident
propose --action modify_parameters --target rsi-eurusd --set stop_loss_pct=9
review 4 --as alice --reject too_risky --message "Three times the loss."
# A freeze and its end, and feedback.
"$cs" freeze --as alice --reason "Holiday." >/dev/null
"$cs" unfreeze --as carol >/dev/null
id=$("$cs" list --format json | sed -n 's/.*"id": "\([0-9A-Z]*\)".*/\1/p' | tail -n 1)
"$cs" feedback "$id" --as alice --message "Worked." >/dev/null
# 5 an analysis. 6 taken back by its author.
propose --action analyze --target rsi-eurusd
propose --action modify_parameters --target rsi-eurusd --set stop_loss_pct=5
git -C governance.git branch -q -D "$(git -C governance.git branch --list 'recommend/*' --format '%(refname:short)')"
run
# 7 a governance change by alice, approved by carol: the agent's owner becomes carol, named by an alias of hers, and a
# program carries out `optimize`.
cd work
git fetch -q
git checkout -q -b govern/owner origin/main
sed -i 's/^  carol: .*/  carol: {emails: [carol@example.org], aliases: [carol-ops]}/; s/^  members: \[carol\]/  members: [carol, bob]/' rules/people.yaml
sed -i '0,/owner: dana/s//owner: carol-ops/' rules/agents.yaml
sed -i '/^  optimize:/,/^$/s/executor: apply/executor: command\n    command: {argv: [\/bin\/cat], time_limit_seconds: 60}/' rules/actions.yaml
git add -A
git -c user.name=alice -c user.email=alice@example.org commit -qm "Carol answers for the optimizer"
git push -q origin HEAD:refs/heads/govern/owner
cd ..
run
review 7 --as carol --approve --message "As agreed in the team."
# 8 HIGH of her own agent, approved by its owner under the alias: the first engine counted it.
propose --action modify_parameters --target rsi-eurusd-paper --set stop_loss_enabled=false
review 8 --as carol --approve --message "Needed for the stress test of this week."
# No later engine counts it, and asks somebody else.
review 8 --as bob --approve --message "Needed for the stress test of this week."
# 9 claimed, carried out by the program, and 10 by somebody else, who reports twice.
propose --action optimize --target rsi-eurusd-draft --set stop_loss_pct=2
by=risk-manager propose --action rebalance_portfolio --target rsi-eurusd-draft --set stop_loss_pct=2
# What cannot be undone is MEDIUM since the second engine.
review 10 --as alice --approve
id=$("$cs" list --format json | sed -n 's/.*"id": "\([0-9A-Z]*\)".*/\1/p' | head -n 1)
"$cs" outcome "$id" --as alice --failure --details '{"orders": 0}' >/dev/null
"$cs" outcome "$id" --as alice --success --details '{"orders": 12}' >/dev/null
"$cs" list
"$cs" verify
git -C governance.git bundle create -q "$output" main

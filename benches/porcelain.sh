#!/usr/bin/env bash
# The baseline: how many recommendations a second a plain shell script records, with nothing but git's everyday
# commands. What the product claims about speed is said against this, on the same machine and the same files.
#
# A recommendation is three commits: the agent's, on its branch; the merge that carries the decision; the outcome.
# Every advantage goes to the baseline: no hooks, no signing, no automatic repacking, nobody's own git settings.
#
# Needs bash and git. The dates in the paths are made up, 100 recommendations to an hour.
set -euo pipefail

usage() {
  cat <<'END'
usage: porcelain.sh [--bot-only] [--fsync] FOLDER N

  FOLDER      empty or not there yet; the repository is made in it
  N           how many recommendations to record
  --bot-only  the agents' branches exist already; only the bot's part is timed
              (merge with decision, outcome, deletion of the branch)
  --fsync     everything reaches the disk (core.fsync=all)
END
}

bot_only=no fsync=no arguments=()
while [ "$#" -gt 0 ]; do
  case "$1" in
    --bot-only) bot_only=yes ;;
    --fsync) fsync=yes ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
case "${#arguments[@]},${arguments[1]:-}" in
  2,0* | 2, | 2,*[!0-9]*) usage >&2; exit 2 ;;
  2,*) ;;
  *) usage >&2; exit 2 ;;
esac
folder=${arguments[0]} count=${arguments[1]}
if [ -d "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
  echo "\`$folder\` is not empty" >&2
  exit 2
fi

# A git setting or variable of the caller's would change what is measured.
unset "${!GIT_@}"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_EDITOR=true

mkdir -p "$folder"
cd "$folder"
git init -q .
git symbolic-ref HEAD refs/heads/main
git config gc.auto 0
git config maintenance.auto false
if [ "$fsync" = yes ]; then git config core.fsync all; fi

as_agent() {
  export GIT_AUTHOR_NAME=strategy-optimizer GIT_AUTHOR_EMAIL=strategy-optimizer@agents.example.org
  export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
}
as_bot() {
  export GIT_AUTHOR_NAME=countersign GIT_AUTHOR_EMAIL=bot@countersign.invalid
  export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
}

# What is written differs from one to the next, as real documents do: equal ones would be stored once. No process is
# started for it, so that what is timed is git.
sha() { # a made-up one, into $REPLY
  printf -v REPLY '%04x%04x%04x%04x%04x%04x%04x%04x%04x%04x' $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM
}
name() { # the id, day and folder of the recommendation $1
  local hours=$(($1 / 100))
  printf -v id '01KE%06d%04d%04d%04d%04d' "$1" $((RANDOM % 10000)) $((RANDOM % 10000)) $((RANDOM % 10000)) $((RANDOM % 10000))
  printf -v day '2026-%02d-%02d' $((hours / 24 / 28 % 12 + 1)) $((hours / 24 % 28 + 1))
  printf -v hour '%02d' $((hours % 24))
  case_folder=recommendations/${day//-//}/$hour/$id
}

recommendation() {
  cat <<END
schema: countersign/recommendation/v1
id: $id
agent: strategy-optimizer
session: opt-$day-$hour
action: modify_parameters
targets: [rsi-eurusd]
changes: {stop_loss_pct: 2.$((RANDOM % 100))}
rationale: Backtests over 2024-2026 show a drawdown smaller by $((RANDOM % 1000)) basis points.
citations: [{title: Walk-forward study $RANDOM, url: https://example.org/study/$RANDOM}]
details: {}
expects: {stop_loss_pct: 3.0}
created_at: ${day}T$hour:02:11Z
END
}

decision() {
  local head base rules blob
  sha && head=$REPLY && sha && base=$REPLY && sha && rules=$REPLY && sha && blob=$REPLY
  cat <<END
schema: countersign/decision/v1
id: $id
pull:
  {number: $1, url: https://example.org/trading/governance/pull/$1, head: $head, base: $base,
   author: {login: strategy-optimizer, id: 4711}}
recommendation_blob: $blob
rules: {commit: $rules, tree: $base}
engine: 0.1.0
mode: two_tier
risk:
  score: 57.50
  level: MEDIUM
  factors:
  - {name: environment, input: live, source: targets/rsi-eurusd.yaml, points: 100, weight: 40, contribution: 40.00}
  - {name: parameters, input: stop_loss_pct, source: rules/parameters.yaml, points: 25, weight: 30, contribution: 7.50}
  - {name: scope, input: one target, source: recommendation.yaml, points: 0, weight: 20, contribution: 0.00}
  - {name: reversibility, input: easy, source: rules/actions.yaml, points: 100, weight: 10, contribution: 10.00}
  triggers: []
required: {role: reviewer, approvals: 1, justification: false}
status: approved
approvals:
- login: alice
  id: 1001
  role: reviewer
  head: $head
  review: $RANDOM$RANDOM
  at: ${day}T$hour:09:40Z
  confidence: confident
  justification: The study holds on data it has not seen, and the old value can be put back.
not_counted:
- {login: dana, why: owns the agent that proposed it}
decided_at: ${day}T$hour:09:41Z
END
}

outcome() {
  cat <<END
schema: countersign/outcome/v1
id: $id
attempt: 1
executor: apply
started_at: ${day}T$hour:09:41Z
finished_at: ${day}T$hour:09:42Z
success: true
details:
  target: rsi-eurusd
  parameter: stop_loss_pct
  before: 3.0
  after: 2.$((RANDOM % 100))
  written_to: targets/rsi-eurusd.yaml
  note: the value was read back after it was written and was as approved, run $RANDOM
error: null
reported_by: countersign
END
}

propose() { # the agent's part: a branch with one file on it; ends on main
  as_agent
  git checkout -q -b "recommend/$id"
  mkdir -p "$case_folder"
  recommendation >"$case_folder/recommendation.yaml"
  git add "$case_folder/recommendation.yaml"
  git commit -q -m "recommend modify_parameters on rsi-eurusd" -m "Agent: strategy-optimizer"
  git checkout -q main
}

decide() { # the bot's part: the merge that carries the decision, then the outcome
  as_bot
  # Even a quiet merge says that it stopped before the commit, as it was asked to.
  git merge -q --no-ff --no-commit "recommend/$id" >.git/merge-said 2>&1 || { cat .git/merge-said >&2 && exit 1; }
  decision "$1" >"$case_folder/decision.yaml"
  git add "$case_folder/decision.yaml"
  git commit -q -m "decision: approve modify_parameters on rsi-eurusd (MEDIUM 57.50)" -m "Event: decision
Recommendation: $id
Agent: strategy-optimizer
Action: modify_parameters
Target: rsi-eurusd
Risk: MEDIUM 57.50
Decision: approved
Approved-by: alice
Pull-request: #$1"
  outcome >"$case_folder/outcome.yaml"
  git add "$case_folder/outcome.yaml"
  git commit -q -m "outcome: modify_parameters on rsi-eurusd succeeded" -m "Event: outcome
Recommendation: $id
Outcome: success"
}

# Microseconds where bash can tell, else seconds; some languages write the fraction with a comma.
now_us() {
  local now=${EPOCHREALTIME:-}
  if [ -n "$now" ]; then REPLY=${now/[.,]/}; else REPLY=$(date +%s)000000; fi
}

as_bot
mkdir -p targets
printf 'environment: live\nparameters: {stop_loss_pct: 3.0, stop_loss_enabled: true}\n' >targets/rsi-eurusd.yaml
git add .
git commit -q -m genesis

ids=()
if [ "$bot_only" = yes ]; then
  for ((i = 0; i < count; i++)); do
    name "$i"
    ids+=("$id")
    propose
  done
fi

now_us && started=$REPLY
for ((i = 0; i < count; i++)); do
  name "$i"
  if [ "$bot_only" = yes ]; then
    case_folder=${case_folder%/*}/${ids[i]} id=${ids[i]}
    decide $((i + 1))
    git branch -q -D "recommend/$id"
  else
    propose
    decide $((i + 1))
  fi
done
now_us && taken_us=$((REPLY - started))

# A run that went wrong halfway would look fast.
trail=$(git rev-list --count --first-parent main) all=$(git rev-list --count main)
files=$(git ls-tree -r --name-only main -- recommendations | wc -l)
if [ "$trail" -ne $((2 * count + 1)) ] || [ "$all" -ne $((3 * count + 1)) ] || [ "$files" -ne $((3 * count)) ]; then
  echo "$count recommendations should be $((3 * count + 1)) commits and $((3 * count)) files; found $all and $files" >&2
  exit 1
fi

part=whole
if [ "$bot_only" = yes ]; then part=bot-only; fi
if [ "$taken_us" -lt 1 ]; then taken_us=1; fi
hundredths=$((count * 100000000 / taken_us))
printf 'git porcelain, %s, fsync %s: %d recommendations in %d.%03d s: %d.%02d records a second\n' "$part" "$fsync" "$count" \
  $((taken_us / 1000000)) $((taken_us / 1000 % 1000)) $((hundredths / 100)) $((hundredths % 100))

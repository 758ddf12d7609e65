#!/usr/bin/env bash
# Releases what is in this folder, or takes the last release back.
#
#   deploy/deploy.sh [--dry-run] [--steps 10,50] [--pause 60]
#   deploy/deploy.sh [--dry-run] rollback
#
# A release builds and pushes the image, runs the migrations, deploys a revision without traffic, asks its /ready, and
# then moves the traffic to it: at once, or by --steps in percent with --pause seconds and another look between them.
# Whatever fails on the way, the revision that served before serves on. A rollback moves the traffic back to that
# revision; it leaves the database as it is.
#
# SMOKE_TEST_ACCOUNT names a service account to ask /ready as; without it, you ask as yourself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR source=common.sh
. deploy/common.sh

release=$(date -u +%Y%m%d-%H%M%S)
revision=$service-$release
percents=()
pause=60

# What the release has come to, for the last words of a failed one.
stage="reading its arguments"
serving_before=
deployed=
traffic_touched=
sleeping=

main() {
  local command=release
  while (($#)); do
    case $1 in
      --dry-run) dry_run=1 ;;
      --steps) read_percents "${2-}" && shift ;;
      --pause) read_pause "${2-}" && shift ;;
      rollback) command=rollback ;;
      --help | -h) usage && exit ;;
      *) usage && fail "$1 is not known: see above." ;;
    esac
    shift
  done
  "$command"
  if [[ $dry_run ]]; then say "Nothing was done: this was a dry run."; fi
}

read_percents() {
  [[ $1 =~ ^[1-9][0-9]?(,[1-9][0-9]?)*$ ]] || fail "--steps takes percentages from 1 to 99 with commas between: --steps 10,50"
  IFS=, read -r -a percents <<<"$1"
}

read_pause() {
  [[ $1 =~ ^[0-9]+$ ]] || fail "--pause takes a whole number of seconds: --pause 60"
  pause=$1
}

release() {
  trap last_words EXIT
  build_image
  migrate
  deploy_candidate
  smoke_test
  move_traffic
  say "$revision serves all traffic of $service."
}

build_image() {
  stage="building the image"
  local commit labels=()
  if commit=$(git rev-parse HEAD 2>/dev/null); then
    labels=(--label "org.opencontainers.image.revision=$commit")
  fi
  run docker build --platform linux/amd64 ${labels[@]+"${labels[@]}"} --tag "$image:$release" .
  stage="pushing the image"
  run docker push --quiet "$image:$release"
  digest=$(pushed_digest)
}

# The image by digest: what was tested is what is deployed, whatever becomes of the tag.
pushed_digest() {
  local inspected
  inspected=$(ask "$image@sha256:DIGEST" docker image inspect "$image:$release") || return
  grep -m 1 -o "$image@sha256:[^\"]*" <<<"$inspected"
}

migrate() {
  stage="migrating the database"
  local manifest
  manifest=$(with_digest deploy/migrate-job.yaml)
  apply gcloud run jobs replace - "${in_region[@]}" <<<"$manifest"
  run gcloud run jobs execute "$migrate_job" "${in_region[@]}" --wait
}

with_digest() {
  grep -q "image: $image\$" "$1" || fail "$1 does not name the image: its line should be image: $image"
  sed "s|image: $image\$|image: $digest|" "$1"
}

deploy_candidate() {
  stage="deploying a revision without traffic"
  local manifest
  traffic=$(current_traffic)
  serving_before=$(shares_of "$traffic")
  manifest=$(candidate_manifest)
  deployed=1
  apply gcloud run services replace - "${in_region[@]}" <<<"$manifest"
  url=$(current_traffic | awk -F, '$3 == "candidate" { print $4 }')
  if [[ $dry_run ]]; then url=CANDIDATE_URL; fi
  [[ $url ]] || fail "Cloud Run names no URL for the tag candidate."
}

# One line for each entry of the service's traffic: revision, percent, tag, URL. Nothing before the first release.
current_traffic() {
  local name fields
  name=$(ask "$service" gcloud run services list "${in_region[@]}" --filter="metadata.name=$service" --format='value(metadata.name)') || return
  if [[ ! $name ]]; then return; fi
  fields='status.traffic.revisionName,status.traffic.percent,status.traffic.tag,status.traffic.url'
  ask "SERVING_REVISION,100,previous," \
    gcloud run services describe "$service" "${in_region[@]}" --flatten='status.traffic[]' --format="csv[no-heading]($fields)"
}

# The shares of the traffic as --to-revisions takes them.
shares_of() {
  awk -F, '
    $2 > 0 { if (!($1 in share)) name[++count] = $1; share[$1] += $2 }
    END { for (i = 1; i <= count; i++) printf "%s%s=%s", (i > 1 ? "," : ""), name[i], share[name[i]] }
  ' <<<"$1"
}

# The manifest with the new revision's name, and the traffic as it is now: the new revision has a tag and no share.
candidate_manifest() {
  with_digest deploy/service.yaml | awk -v name="$revision" '{ print } /^    metadata:$/ { print "      name: " name }'
  echo "  traffic:"
  awk -F, '
    $3 == "candidate" { $3 = "" }
    $2 > 0 || $3 {
      print "    - revisionName: " $1
      if ($2 > 0) print "      percent: " $2
      if ($3) print "      tag: " $3
    }
  ' <<<"$traffic"
  printf '    - revisionName: %s\n      tag: candidate\n' "$revision"
  # Before the first release nothing serves, and the traffic has nowhere else to go.
  if [[ ! $serving_before ]]; then echo "      percent: 100"; fi
}

smoke_test() {
  stage="asking /ready of the new revision"
  local token
  token=$(identity_token "$url")
  # The header comes by standard input: every process of the machine can read arguments.
  run curl --fail --silent --show-error --output /dev/null --header @- \
    --max-time 30 --retry 10 --retry-delay 3 --retry-all-errors "$url/ready" <<<"Authorization: Bearer $token"
}

identity_token() {
  local as=()
  if [[ ${SMOKE_TEST_ACCOUNT-} ]]; then
    as=(--impersonate-service-account="$SMOKE_TEST_ACCOUNT" --audiences="$1")
  fi
  ask TOKEN gcloud auth print-identity-token "${in_project[@]}" ${as[@]+"${as[@]}"}
}

move_traffic() {
  local percent before
  if [[ $serving_before ]]; then
    for percent in ${percents[@]+"${percents[@]}"}; do
      stage="moving $percent percent of the traffic"
      traffic_touched=1
      run gcloud run services update-traffic "$service" "${in_region[@]}" --to-revisions="$revision=$percent"
      wait_before_the_next_look
      smoke_test
    done
  fi
  stage="moving the traffic"
  traffic_touched=1
  before=$(largest_share_of "$traffic")
  run gcloud run services update-traffic "$service" "${in_region[@]}" --to-revisions="$revision=100" \
    --remove-tags=candidate ${before:+--update-tags=previous="$before"}
}

# In the background, because bash heeds an interruption only between commands of the foreground.
wait_before_the_next_look() {
  if [[ $dry_run ]]; then
    run sleep "$pause"
    return
  fi
  sleep "$pause" &
  sleeping=$!
  wait "$sleeping"
  sleeping=
}

largest_share_of() { sort -t, -k2,2nr <<<"$1" | awk -F, 'NR == 1 && $2 > 0 { print $1 }'; }

rollback() {
  local traffic previous serving
  traffic=$(current_traffic)
  previous=$(awk -F, '$3 == "previous" { print $1 }' <<<"$traffic")
  serving=$(largest_share_of "$traffic")
  [[ $previous ]] || fail "No revision of $service is tagged previous: there is no earlier release to return to."
  run gcloud run services update-traffic "$service" "${in_region[@]}" --to-revisions="$previous=100" --update-tags=previous="$serving"
  say "$previous serves all traffic of $service. The database was left as it is; a second rollback returns to $serving."
}

# However the release ends: the traffic is where it was, and the reader knows where to look.
last_words() {
  local code=$?
  trap - EXIT
  if ((code == 0)); then exit; fi
  if [[ $sleeping ]]; then kill "$sleeping" 2>/dev/null || true; fi
  say "The release $release failed while $stage."
  if [[ ! $deployed ]]; then
    say "The service is as it was."
  elif [[ ! $serving_before ]]; then
    say "No revision of $service served before this release."
  elif [[ ! $traffic_touched ]]; then
    say "The traffic is where it was: $serving_before percent."
  elif run gcloud run services update-traffic "$service" "${in_region[@]}" --to-revisions="$serving_before"; then
    say "The traffic is back where it was: $serving_before percent."
  else
    say "The traffic could NOT be put back. Do it by hand: gcloud run services update-traffic $service --project=$project --region=$region --to-revisions=$serving_before"
  fi
  say "Look further with:"
  say "  gcloud logging read 'resource.labels.service_name=\"$service\" AND severity>=ERROR' --project=$project --freshness=1h"
  say "  gcloud run jobs executions list --job=$migrate_job --project=$project --region=$region"
  say "  gcloud run revisions describe $revision --project=$project --region=$region"
  exit "$code"
}

# An interrupted release ends like a failed one.
trap 'exit 130' INT
trap 'exit 143' TERM

main "$@"

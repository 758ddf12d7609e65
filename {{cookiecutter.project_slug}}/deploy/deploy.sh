#!/usr/bin/env bash
# Releases what is in this folder, or takes the last release back.
#
#   bash deploy/deploy.sh [--dry-run] [--steps 10,50] [--pause 60] [--image IMAGE@sha256:DIGEST]
#   bash deploy/deploy.sh [--dry-run] build
#   bash deploy/deploy.sh [--dry-run] rollback
#
# A release builds and pushes the image, runs the migrations, deploys a revision without traffic, asks its /ready, and
# then moves the traffic to it: at once, or by --steps in percent with --pause seconds and another look between them.
# Whatever fails on the way, the revision that served before serves on. A rollback moves the traffic back to that
# revision; it leaves the database as it is. build does the first part alone and prints what --image takes.
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
image_by_digest=

# What the release learns from Cloud Run: the traffic as current_traffic prints it, the shares before the release and the
# revision that had the largest, where the new revision answers, and what an identity token for it must name.
traffic=
serving_before=
serving_most=
candidate_url=
audience=

# What the release has come to, for the last words of a failed one.
stage="reading its arguments"
deployed=
finished=
sleeping=

main() {
  local command=release
  while (($#)); do
    case $1 in
      --dry-run) dry_run=1 ;;
      --steps) read_percents "${2-}" && shift ;;
      --pause) read_pause "${2-}" && shift ;;
      --image) read_image "${2-}" && shift ;;
      build | rollback) command=$1 ;;
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

read_image() {
  [[ $1 =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || fail "--image takes an image by its digest, as this prints it: bash deploy/deploy.sh build"
  image_by_digest=$1
}

build() {
  build_image
  echo "$image_by_digest"
}

release() {
  trap last_words EXIT
  look_first
  if [[ ! $image_by_digest ]]; then build_image; fi
  migrate
  deploy_candidate
  smoke_test
  move_traffic
  finished=1
  say "$revision serves all traffic of $service."
}

# What would stop the release later stops it here, before anything has happened.
look_first() {
  stage="looking at the service"
  read_manifest deploy/service.yaml Service "$service"
  read_manifest deploy/migrate-job.yaml Job "$migrate_job"
  traffic=$(current_traffic)
  refuse_a_second_release
}

read_manifest() {
  local fault
  fault=$(awk -f deploy/manifest.awk -v kind="$2" -v name="$3" -v project="$project" -v image="$image" "$1") ||
    fail "${fault:-$1 cannot be read.}"
}

# The tag is there while a release is under way.
refuse_a_second_release() {
  local other
  other=$(tagged candidate)
  [[ ! $other ]] || fail "Another release is under way, or was killed: $other has the tag candidate. If none is, remove the tag:" \
    "gcloud run services update-traffic $service --project=$project --region=$region --remove-tags=candidate"
}

build_image() {
  stage="building the image"
  local commit labels=()
  if commit=$(git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null); then
    labels=(--label "org.opencontainers.image.revision=$commit")
  fi
  # An attestation would be pushed as an image of its own, and the registry counts what it keeps.
  export BUILDX_NO_DEFAULT_ATTESTATIONS=1
  run docker build --platform linux/amd64 ${labels[@]+"${labels[@]}"} --tag "$image:$release" . >&2
  stage="pushing the image"
  run docker push --quiet "$image:$release" >&2
  image_by_digest=$(pushed_image)
}

# By its digest: what was tested is what is deployed, whatever becomes of the tag.
pushed_image() {
  local inspected
  inspected=$(ask "$image@sha256:DIGEST" docker image inspect "$image:$release") || return 1
  grep -m 1 -o "$image@sha256:[^\"]*" <<<"$inspected"
}

migrate() {
  stage="migrating the database"
  with_digest deploy/migrate-job.yaml | apply gcloud run jobs replace - "${in_region[@]}"
  run gcloud run jobs execute "$migrate_job" "${in_region[@]}" --wait
}

with_digest() { sed "s|^\( *\(- \)\{0,1\}image:\) $image\$|\1 $image_by_digest|" "$1"; }

deploy_candidate() {
  stage="deploying a revision without traffic"
  traffic=$(current_traffic)
  refuse_a_second_release
  serving_before=$(shares_of "$traffic")
  serving_most=$(largest_share_of "$traffic")
  deployed=1
  candidate_manifest | apply gcloud run services replace - "${in_region[@]}"
  traffic=$(current_traffic)
  audience=$(awk -F, 'NR == 1 { print $5 }' <<<"$traffic")
  if [[ $serving_before && $(shares_of "$traffic") != "$serving_before" ]]; then
    fail "Cloud Run has moved the traffic, which a new revision is not to have yet: $(shares_of "$traffic") percent."
  fi
  candidate_url=$(awk -F, '$3 == "candidate" { print $4 }' <<<"$traffic")
  if [[ $dry_run ]]; then candidate_url=CANDIDATE_URL; fi
  # A first release is asked at the service's own address.
  if [[ ! $serving_before ]]; then candidate_url=$audience; fi
  [[ $candidate_url ]] || fail "Cloud Run names no URL for the tag candidate."
}

# One line for each entry of the service's traffic: revision, percent, tag, the tag's URL, the service's URL. Nothing
# before the first release.
current_traffic() {
  local name fields
  name=$(ask "$service" gcloud run services list "${in_region[@]}" --filter="metadata.name=$service" --format='value(metadata.name)') || return 1
  if [[ ! $name ]]; then return; fi
  fields='status.traffic.revisionName,status.traffic.percent,status.traffic.tag,status.traffic.url,status.url'
  ask $'SERVING_REVISION,100,,,SERVICE_URL\nPREVIOUS_REVISION,,previous,,SERVICE_URL' \
    gcloud run services describe "$service" "${in_region[@]}" --flatten='status.traffic[]' --format="csv[no-heading]($fields)"
}

tagged() { awk -F, -v tag="$1" '$3 == tag { print $1 }' <<<"$traffic"; }

# The shares as --to-revisions takes them.
shares_of() {
  awk -F, '$2 > 0 { share[$1] += $2 } END { for (name in share) print name "=" share[name] }' <<<"$1" | sort | paste -sd , -
}

largest_share_of() { sort -t , -k 2,2nr <<<"$1" | awk -F, 'NR == 1 && $2 > 0 { print $1 }'; }

# The manifest with the new revision's name, and the traffic as it is now: the new revision has a tag and no share.
# Before the first release nothing serves, and all of the traffic goes to it.
candidate_manifest() {
  with_digest deploy/service.yaml |
    awk -v name="$revision" '{ print } /^spec:/ { in_spec = 1 } in_spec && /^    metadata:/ { print "      name: " name }'
  echo "  traffic:"
  if [[ ! $serving_before ]]; then
    printf '    - revisionName: %s\n      percent: 100\n' "$revision"
    return
  fi
  awk -F, '{
    print "    - revisionName: " $1
    if ($2 > 0) print "      percent: " $2
    if ($3) print "      tag: " $3
  }' <<<"$traffic"
  printf '    - revisionName: %s\n      tag: candidate\n' "$revision"
}

smoke_test() {
  stage="asking /ready of the new revision"
  local token
  # A trace of the script must not show the token.
  { set +x; } 2>/dev/null
  token=$(identity_token)
  # The header comes by standard input: every process of the machine can read arguments.
  run curl --fail --silent --show-error --output /dev/null --header @- \
    --max-time 30 --retry 10 --retry-delay 3 --retry-all-errors "$candidate_url/ready" <<<"Authorization: Bearer $token"
}

# The audience is the service's URL, also where a tag's URL is asked.
identity_token() {
  local access_token answer
  if [[ ! ${SMOKE_TEST_ACCOUNT-} ]]; then
    ask TOKEN gcloud auth print-identity-token "${in_project[@]}"
    return
  fi
  # Not by gcloud's --impersonate-service-account: before the identity token it takes an access token, which the account
  # may not make.
  access_token=$(ask ACCESS_TOKEN gcloud auth print-access-token "${in_project[@]}") || return 1
  answer=$(ask '"token": "TOKEN"' curl --fail --silent --show-error --header @- --header 'Content-Type: application/json' \
    --max-time 30 --retry 3 --data "{\"audience\": \"$audience\", \"includeEmail\": true}" \
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$SMOKE_TEST_ACCOUNT:generateIdToken" \
    <<<"Authorization: Bearer $access_token") || return 1
  awk -F '"' '{ for (field = 1; field < NF; field++) if ($field == "token") print $(field + 2) }' <<<"$answer"
}

move_traffic() {
  local percent
  if [[ ! $serving_before ]]; then return; fi
  for percent in ${percents[@]+"${percents[@]}"}; do
    stage="moving $percent percent of the traffic"
    run gcloud run services update-traffic "$service" "${in_region[@]}" --to-revisions="$revision=$percent"
    wait_before_the_next_look
    smoke_test
  done
  stage="moving the traffic"
  set_traffic "$revision=100" --remove-tags=candidate --update-tags=previous="$serving_most"
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

# Where gcloud reports a failure, what Cloud Run says of the traffic counts: gcloud fails also when the traffic has moved
# and some other revision, deployed later, did not start.
set_traffic() {
  local shares=$1
  shift
  run gcloud run services update-traffic "$service" "${in_region[@]}" --to-revisions="$shares" "$@" && return 0
  traffic=$(current_traffic) || return 1
  [[ $(shares_of "$traffic") == "$shares" ]]
}

rollback() {
  local previous serving
  traffic=$(current_traffic)
  previous=$(tagged previous)
  serving=$(largest_share_of "$traffic")
  [[ $previous && $previous != "$serving" ]] || fail "No other revision of $service is tagged previous: there is no release to return to."
  set_traffic "$previous=100" --remove-tags=candidate --update-tags=previous="$serving" || fail "The traffic was not moved."
  say "$previous serves all traffic of $service. The database was left as it is; a second rollback returns to $serving."
}

# However the release ends: the traffic is where it was, and the reader knows where to look.
last_words() {
  local code=$?
  trap - EXIT
  if [[ $finished ]]; then exit "$code"; fi
  # Nothing may cut this short: no second interruption, no error, no reader that has gone.
  set +e
  trap '' HUP INT TERM PIPE
  say "The release $release failed while $stage." || exec >/dev/null 2>&1
  if [[ $sleeping ]]; then kill "$sleeping" 2>/dev/null; fi
  put_traffic_back
  say "Look further with:"
  say "  gcloud logging read 'resource.labels.service_name=\"$service\" AND severity>=ERROR' --project=$project --freshness=1h"
  say "  gcloud run jobs executions list --job=$migrate_job --project=$project --region=$region"
  say "  gcloud run revisions describe $revision --project=$project --region=$region"
  exit $((code ? code : 1))
}

put_traffic_back() {
  if [[ ! $deployed ]]; then
    say "The service is as it was."
  elif [[ ! $serving_before ]]; then
    say "No revision of $service served before this release."
  elif moved_by_somebody_else; then
    say "Somebody else has moved the traffic meanwhile, and it stays there: $(shares_of "$traffic") percent."
  elif set_traffic "$serving_before" --remove-tags=candidate; then
    say "The traffic is where it was: $serving_before percent."
  else
    say "The traffic could NOT be put back. Do it by hand:" \
      "gcloud run services update-traffic $service --project=$project --region=$region --to-revisions=$serving_before --remove-tags=candidate"
  fi
}

# A rollback takes the tag away from a release that is under way.
moved_by_somebody_else() { [[ $candidate_url ]] && traffic=$(current_traffic) && [[ $(tagged candidate) != "$revision" ]]; }

# An interrupted release ends like a failed one.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

main "$@"

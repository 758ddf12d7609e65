# Cloud Build tests under one account, which may do nothing else, and releases under the pipeline's. Its triggers are
# global, as the connection of the repository to the project is.
test_account={{ cookiecutter.project_slug | shortened(25) }}-test@$project.iam.gserviceaccount.com

look_up_repository() { (($# == 1)) || fail "After the repository comes nothing more: pipeline $1"; }

connect_repository() {
  enable cloudbuild.googleapis.com iamcredentials.googleapis.com
  account "$test_account" "Tests $service"
  grant_on_project "$test_account" roles/logging.logWriter
  grant_on_project "$pipeline_account" roles/logging.logWriter
  # To see how the tests of a commit ended, as a release does before all else.
  grant_on_project "$pipeline_account" roles/cloudbuild.builds.viewer
  trigger "$service-test" "$1" "$test_account" cloudbuild-test.yaml --branch-pattern='^main$'
  trigger "$service-pull-request" "$1" "$test_account" cloudbuild-test.yaml --pull-request-pattern='^main$' \
    --comment-control=COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY
  trigger "$service" "$1" "$pipeline_account" cloudbuild.yaml --branch-pattern='^main$'
}

# A trigger: its name, the repository, the account and the file of its builds, and what sets it off.
trigger() {
  local name=$1 repository=$2 account=$3 file=$4 there
  shift 4
  there=$(ask "" gcloud builds triggers list "${in_project[@]}" --region=global --filter="name=$name" \
    --format='value[separator=" "](github.owner,github.name,serviceAccount.basename())')
  if [[ ! $there ]]; then
    run gcloud builds triggers create github --name="$name" "${in_project[@]}" --region=global \
      --build-config="$file" --repo-owner="${repository%/*}" --repo-name="${repository#*/}" "$@" \
      --service-account="projects/$project/serviceAccounts/$account"
  elif [[ $there != "${repository%/*} ${repository#*/} $account" ]]; then
    fail "The trigger $name is there for another repository or account ($there). Delete it first:" \
      "gcloud builds triggers delete $name --project=$project --region=global"
  fi
}

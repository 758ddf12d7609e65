# Cloud Build runs as the pipeline's account, on each push to main of a repository that is connected to the project. The
# trigger is global, as the connection is.
connect_repository() {
  local owner=${1%/*} name=${1#*/} connected
  enable cloudbuild.googleapis.com iamcredentials.googleapis.com
  grant_on_project roles/logging.logWriter
  connected=$(ask "" gcloud builds triggers list "${in_project[@]}" --region=global --filter="name=$service" \
    --format='value[separator="/"](github.owner,github.name)')
  if [[ ! $connected ]]; then
    run gcloud builds triggers create github --name="$service" "${in_project[@]}" --region=global \
      --build-config=cloudbuild.yaml --repo-owner="$owner" --repo-name="$name" --branch-pattern='^main$' \
      --service-account="projects/$project/serviceAccounts/$pipeline_account"
  elif [[ $connected != "$1" ]]; then
    fail "The trigger $service is there for $connected. Delete it first:" \
      "gcloud builds triggers delete $service --project=$project --region=global"
  fi
}

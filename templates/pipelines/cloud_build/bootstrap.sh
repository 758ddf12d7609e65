# Cloud Build runs as the pipeline's account, on each push to main of a repository that is connected to the project.
sign_in() {
  local repository=$1
  enable cloudbuild.googleapis.com iamcredentials.googleapis.com
  in_project_may roles/logging.logWriter
  unless_there "$service" \
    gcloud builds triggers describe "$service" "${in_region[@]}" -- \
    gcloud builds triggers create github --name="$service" "${in_region[@]}" --build-config=cloudbuild.yaml \
    --repo-owner="${repository%/*}" --repo-name="${repository#*/}" --branch-pattern='^main$' \
    --service-account="projects/$project/serviceAccounts/$pipeline_account"
}

# GitHub Actions signs in as the pipeline's account by workload identity federation: no key, and from this repository's
# main branch only.
identity_pool=github-{{ cookiecutter.project_slug | shortened(25) }}

connect_repository() {
  local repository=$1 number pool provider
  enable iam.googleapis.com iamcredentials.googleapis.com sts.googleapis.com
  number=$(ask PROJECT_NUMBER gcloud projects describe "$project" --quiet --format='value(projectNumber)')
  pool=projects/$number/locations/global/workloadIdentityPools/$identity_pool
  create_unless_found "$identity_pool" \
    gcloud iam workload-identity-pools describe "$identity_pool" "${in_project[@]}" --location=global -- \
    gcloud iam workload-identity-pools create "$identity_pool" "${in_project[@]}" --location=global
  provider=(github "${in_project[@]}" --location=global --workload-identity-pool="$identity_pool")
  create_unless_found github \
    gcloud iam workload-identity-pools providers describe "${provider[@]}" -- \
    gcloud iam workload-identity-pools providers create-oidc "${provider[@]}" \
    --issuer-uri=https://token.actions.githubusercontent.com \
    --attribute-mapping=google.subject=assertion.sub,attribute.repository=assertion.repository \
    --attribute-condition="$(from_main "$repository")"
  # The repository may be another one than last time.
  run gcloud iam workload-identity-pools providers update-oidc "${provider[@]}" \
    --attribute-condition="$(from_main "$repository")" --format=none
  run gcloud iam service-accounts add-iam-policy-binding "$pipeline_account" "${in_project[@]}" --format=none \
    --role=roles/iam.workloadIdentityUser \
    --member="principalSet://iam.googleapis.com/$pool/attribute.repository/$repository"
  say "Set the repository's variable, under Settings, Secrets and variables, Actions, Variables, or with:"
  say "  gh variable set WORKLOAD_IDENTITY_PROVIDER --repo $repository --body $pool/providers/github"
}

from_main() { printf '%s' "assertion.repository == '$1' && assertion.ref == 'refs/heads/main'"; }

{% set roles = cookiecutter | roles %}
# The instance, and the database in it. No connection string is a secret: both accounts sign in without a password.
instance=$service
database={{ roles.database }}

prepare_database() {
  enable sqladmin.googleapis.com
  run gcloud sql instances describe "$instance" "${in_project[@]}" --format=none ||
    fail "The instance $instance is not there: deploy/README.md, step 1, says how to make it."
  create_unless_found "$database" \
    gcloud sql databases describe "$database" "${in_project[@]}" --instance="$instance" -- \
    gcloud sql databases create "$database" "${in_project[@]}" --instance="$instance"
  local email
  for email in "$service_account" "$migrate_account"; do
    # A user of the instance is called as its account, without the end of the address.
    create_unless_found "${email%.gserviceaccount.com}" \
      gcloud sql users describe "${email%.gserviceaccount.com}" "${in_project[@]}" --instance="$instance" -- \
      gcloud sql users create "${email%.gserviceaccount.com}" "${in_project[@]}" --instance="$instance" --type=cloud_iam_service_account
    grant_on_instance "$email" roles/cloudsql.client
    grant_on_instance "$email" roles/cloudsql.instanceUser
  done
  make_roles
}

# The condition keeps the account away from other instances of the project.
grant_on_instance() {
  run gcloud projects add-iam-policy-binding "$project" --quiet --format=none --role="$2" --member="serviceAccount:$1" \
    --condition="title=$instance,expression=resource.name == 'projects/$project/instances/$instance' && resource.type == 'sqladmin.googleapis.com/Instance'"
}

# As the user postgres, whose password gcloud asks for. psql runs roles.sql in one transaction.
make_roles() {
  say "The roles are made in the database by the user postgres: enter its password."
  run gcloud sql connect "$instance" "${in_project[@]}" --user=postgres --database="$database" <deploy/roles.sql
}

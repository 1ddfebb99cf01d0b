# Names, versions and ages of secrets. What is not named is denied: ${mount}/data/*, and every change.
path "${mount}/metadata/*" {
  capabilities = ["list", "read"]
}

path "${mount}/metadata" {
  capabilities = ["list"]
}

# `vault kv` asks which version the engine has.
path "sys/internal/ui/mounts/${mount}/*" {
  capabilities = ["read"]
}

path "sys/internal/ui/mounts/${mount}" {
  capabilities = ["read"]
}

# The sidecar keeps its own token alive.
path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

# A custom_metadata may hold anything, but no value of a secret; the values stay shut even where another policy is added.
path "${mount}/data/*" {
  capabilities = ["deny"]
}

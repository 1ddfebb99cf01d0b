# tolkien's own secrets, and no other.
path "${mount}/data/${path}/*" {
  capabilities = ["read"]
}

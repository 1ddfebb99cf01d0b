vault {
  address = "http://vault.vault.svc:8200"
}
auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"
    config = {
      role       = "tolkien"
      token_path = "/run/secrets/service-account/token"
    }
  }
  sink "file" {
    config = {
      path = "/run/secrets/vault/token"
      mode = 0440
    }
  }
}

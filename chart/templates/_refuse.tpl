{{- /* What no schema can say: values that do not go together. Each sentence names the way out. */ -}}
{{- define "tolkien.refuse" -}}
{{- $wrong := list -}}
{{- if and .Values.config.existingConfigMap .Values.config.files -}}
{{- $wrong = append $wrong "config.existingConfigMap and config.files are both set: the configuration has one place" -}}
{{- end -}}
{{- if not (or .Values.config.existingConfigMap .Values.config.files) -}}
{{- $wrong = append $wrong "there is no configuration: set config.existingConfigMap (chart/configmap makes one from a folder) or config.files" -}}
{{- end -}}
{{- if .Values.config.files -}}
{{- $bytes := 0 -}}{{- $names := dict -}}
{{- range $path, $text := .Values.config.files -}}
{{- $bytes = add $bytes (len $text) -}}
{{- $flat := replace "/" "__" $path -}}
{{- if hasKey $names $flat -}}{{- $wrong = append $wrong (printf "config.files has `%s` twice, with `/` and with `__`" $flat) -}}{{- end -}}
{{- $_ := set $names $flat true -}}
{{- end -}}
{{- if gt $bytes 1000000 -}}{{- $wrong = append $wrong (printf "config.files has %d bytes, and a ConfigMap holds 1 MiB at most" $bytes) -}}{{- end -}}
{{- range $needed := list "tolkien.yaml" "prompts__system.md" -}}
{{- if not (hasKey $names $needed) -}}{{- $wrong = append $wrong (printf "config.files lacks `%s`" (replace "__" "/" $needed)) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (eq .Values.store.kind "sqlite") -}}
{{- $wrong = append $wrong (printf "replicas is %d with store.kind sqlite, which one server writes alone: set store.kind to postgres, or replicas to 1" (int .Values.replicas)) -}}
{{- end -}}
{{- if and (eq .Values.store.kind "postgres") (not .Values.store.postgres.existingSecret) -}}
{{- $wrong = append $wrong "store.kind is postgres without store.postgres.existingSecret, the Secret that holds its address" -}}
{{- end -}}
{{- $paths := dict -}}
{{- range $name, $clone := .Values.clones -}}{{- if $clone -}}
{{- if hasKey $paths $clone.path -}}{{- $wrong = append $wrong (printf "clones.%s and clones.%s have the same path %s" (get $paths $clone.path) $name $clone.path) -}}{{- end -}}
{{- $_ := set $paths $clone.path $name -}}
{{- if or (eq $clone.path "/etc/tolkien") (hasPrefix "/run" $clone.path) (hasPrefix "/var" $clone.path) (hasPrefix "/tmp" $clone.path) (hasPrefix "/usr" $clone.path) -}}
{{- $wrong = append $wrong (printf "clones.%s.path is %s, which is another's: use a folder in /srv" $name $clone.path) -}}
{{- end -}}
{{- end -}}{{- end -}}
{{- range $rule := .Values.rbac.extraRules -}}
{{- range $resource := $rule.resources -}}
{{- if or (regexMatch "secret" $resource) (regexMatch "token" $resource) (and (has "" $rule.apiGroups) (has $resource (list "users" "groups"))) -}}
{{- if not (has $resource (list "vaultstaticsecrets" "vaultdynamicsecrets" "vaultpkisecrets" "externalsecrets" "clusterexternalsecrets" "pushsecrets" "sealedsecrets")) -}}
{{- $wrong = append $wrong (printf "rbac.extraRules names `%s`: secret values must never reach the model" $resource) -}}
{{- end -}}{{- end -}}{{- end -}}{{- end -}}
{{- range $name, $value := .Values.environment -}}
{{- if regexMatch "(_TOKEN|_KEY|_SECRET|PASSWORD)$|^ANTHROPIC_API_KEY" $name -}}
{{- $wrong = append $wrong (printf "environment.%s looks like a secret, which a manifest would show: put it into the Secret %s" $name $.Values.secrets.existingSecret) -}}
{{- else if regexMatch "^TOLKIEN_(CONFIG_DIR|SERVER__LISTEN|SERVER__STATE_DIR|STORE.*)$|^(TMPDIR|HOME|PATH)$|^KUBERNETES_" $name -}}
{{- $wrong = append $wrong (printf "environment.%s is set by the chart" $name) -}}
{{- end -}}{{- end -}}
{{- range $name, $value := .Values.podAnnotations -}}
{{- if hasPrefix "checksum/" $name -}}
{{- $wrong = append $wrong (printf "podAnnotations.%s would restart the pod for a change that the server takes up by itself" $name) -}}
{{- end -}}{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.serviceMonitor.tokenSecret) -}}
{{- $wrong = append $wrong "serviceMonitor.enabled without serviceMonitor.tokenSecret: GET /metrics wants the token of a caller" -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.from) -}}
{{- $wrong = append $wrong "ingress.enabled with an empty networkPolicy.from: the ingress controller could not reach the server" -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n  %s" (join "\n  " $wrong)) -}}
{{- end -}}
{{- end -}}

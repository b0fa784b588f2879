{{/*
The release's own name for things: RELEASE-trading-session-operator, without saying anything twice: a release that contains the
chart's name gives its own, and a release `trading` gives the chart's.
*/}}
{{- define "tso.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else if hasPrefix (printf "%s-" .Release.Name) $name -}}
{{- $name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Cluster-wide objects carry the namespace too, so that two releases of one name do not meet. */}}
{{- define "tso.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "tso.fullname" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What a part's pods are found by. Call with (list . "component"). */}}
{{- define "tso.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels of a part. Call with (list . "component"). */}}
{{- define "tso.labels" -}}
{{- $root := index . 0 -}}
{{ include "tso.selectorLabels" . }}
app.kubernetes.io/part-of: trading-session
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
Labels of a part's pods: only what never changes with a release, or each upgrade of the chart would restart a database that
has nothing to change. Call with (list . "component").
*/}}
{{- define "tso.podLabels" -}}
{{ include "tso.selectorLabels" . }}
app.kubernetes.io/part-of: trading-session
{{- end -}}

{{/* An image reference. Call with (list . .Values.part.image). */}}
{{- define "tso.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/*
The restricted Pod Security Standard, at the pod. Call with the uid. `int64`: Helm reads the numbers of a values file as floats,
and writes large ones as 1e+09.
*/}}
{{- define "tso.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The restricted Pod Security Standard, at the container, and a read-only root beyond it. */}}
{{- define "tso.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods run: the chart's `scheduling`, overridden key by key by the part's. Call with (list . .Values.part). */}}
{{- define "tso.scheduling" -}}
{{- $root := index . 0 -}}
{{- $scheduling := merge (dict) (index . 1).scheduling $root.Values.scheduling }}
{{- with $scheduling.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $scheduling.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $scheduling.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $scheduling.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
A value that is made once and then kept: the key of the Secret that is there already, else a new random text.
`helm template` and dry runs see no cluster, so they show a new one each time; GitOps wants existingSecret.
Call with (list . "secret name" "key").
*/}}
{{- define "tso.keptSecret" -}}
{{- $root := index . 0 -}}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace (index . 1) | default dict -}}
{{- $kept := index ($secret.data | default dict) (index . 2) -}}
{{- if $kept -}}{{ $kept | b64dec }}{{- else -}}{{ randAlphaNum 32 }}{{- end -}}
{{- end -}}

{{/* The namespaces that get a copy of what sessions name: all that are asked for but the release's own, as a YAML list. */}}
{{- define "tso.copyNamespaces" -}}
{{- without (uniq .Values.secrets.namespaces) .Release.Namespace | toYaml -}}
{{- end -}}

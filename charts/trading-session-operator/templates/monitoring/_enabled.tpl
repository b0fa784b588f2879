{{/* "true" when monitoring is asked for, or left to the cluster and its CRDs are there; else empty. */}}
{{- define "tso.monitoring" -}}
{{- $asked := .Values.monitoring.enabled | toString -}}
{{- if or (eq $asked "true") (and (eq $asked "auto") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule")) -}}
true
{{- end -}}
{{- end -}}

{{/* Labels by which a Prometheus may select these objects. Call with (list . "component"). */}}
{{- define "tso.monitoringLabels" -}}
{{- merge (dict) (index . 0).Values.monitoring.labels (include "tso.labels" . | fromYaml) | toYaml -}}
{{- end -}}

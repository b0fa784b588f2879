{{/*
What the operator may do. The source is session_operator/permissions.py in the repository; a test holds both equal.
The operator cannot delete pods, Leases or sessions, and reads no Secret by name: it lists them to say which keys are missing,
and may patch them only to hand that right to the traders of a session, for the one Secret that their login writes.
*/}}
{{- define "tso.sessionRules" -}}
- apiGroups: [tradeops.dev]
  resources: [tradingsessions]
  verbs: [get, list, watch]
- apiGroups: [tradeops.dev]
  resources: [tradingsessions/status]
  verbs: [get, patch]
# The traders' HTTP API asks for these of whoever calls it.
- apiGroups: [tradeops.dev]
  resources: [tradingsessions/state]
  verbs: [get]
- apiGroups: [tradeops.dev]
  resources: [tradingsessions/config]
  verbs: [create]
# For the traders: may this caller do what he asks for?
- apiGroups: [authorization.k8s.io]
  resources: [localsubjectaccessreviews]
  verbs: [create]
# `update` is what traders renew the Lease by; the operator can hand out only what it holds.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, patch, update]
# `delete`: configurations that no pod runs any more are dropped.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
# `delete`: a drill of limits that nobody wants any more is ended.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Not for itself: it hands the post-close of a session the right to read the logs of its two traders, by name.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [get, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* What it may do in its own namespace: read the profiles by name, and elect one of its replicas. */}}
{{- define "tso.ownRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
  resourceNames: [{{ .Values.profiles.configMapName }}]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, update]
  resourceNames: [{{ include "tso.fullname" . }}]
# Kubernetes cannot limit `create` to a name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
{{- end -}}

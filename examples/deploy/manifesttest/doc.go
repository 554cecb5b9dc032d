// Package manifesttest decodes the deployment examples strictly, with the types of
// those who read them: Kubernetes, Amazon ECS, GitHub Actions. It is a module of its
// own, so that nobody else gets theirs. It does not ask a cluster.
package manifesttest

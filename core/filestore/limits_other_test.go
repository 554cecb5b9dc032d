//go:build !linux

package filestore

func systemModes() map[string]childFunc { return nil }

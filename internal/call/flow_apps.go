package call

// flowApplications are the applications that decide where a call goes on.
func flowApplications() map[string]app {
	return map[string]app{}
}

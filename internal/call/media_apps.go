package call

// mediaApplications are the applications that play, record and listen.
func mediaApplications() map[string]app {
	return map[string]app{}
}

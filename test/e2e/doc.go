// Package e2e holds the end-to-end tests: a whole server in this process, on ephemeral ports of the loopback interface, with real phones
// around it: browsers played by pion/webrtc over secure WebSocket, SIP phones with plain RTP or SDES-SRTP, sipp, event socket clients.
package e2e

//go:build !race

package esl_test

// raceDetector says that everything takes many times as long.
const raceDetector = false

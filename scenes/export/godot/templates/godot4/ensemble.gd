extends Node3D
## Plays the ensemble: all stems from the same sample on, and the players move with the sound.
##
## Keys: Space pauses and goes on, R plays from the start, P shows points instead of surfaces.
## From your own scripts: play(), play(12.5), pause(), resume(), position_s(), and the signal
## finished.

signal finished

const LONGEST_MIX_S := 0.1
const HINT_S := 10.0

## Plays as soon as the scene runs.
@export var autoplay := true
## Begins again at the end.
@export var repeat := true

var _stems: Array[AudioStreamPlayer3D] = []
@onready var _movement: AnimationPlayer = get_node_or_null("Movement")


func _ready() -> void:
	for player in $Players.get_children():
		_stems.append(player.get_node("Stem"))
	# Stems are of one length, so that the first one's end is the end of all.
	_stems[0].finished.connect(_on_finished)
	if _movement:
		# The sound's clock moves the players (see _process), so that they never drift apart.
		_movement.assigned_animation = "move"
		_movement.seek(0.0, true)
	get_tree().create_timer(HINT_S).timeout.connect($Hint/Keys.hide)
	if autoplay:
		play()


## Plays all stems, from a time in seconds on.
func play(from_s := 0.0) -> void:
	for stem in _stems:
		stem.stream_paused = false
		stem.play(from_s)
	# A stem that is asked to play starts in its next physics step. The mixer waits until all have
	# had theirs: otherwise some could miss a block of sound that others are part of.
	await get_tree().physics_frame
	AudioServer.lock()
	AudioServer.unlock.call_deferred()


## Stops all stems where they are.
func pause() -> void:
	_set_paused(true)


## Goes on after pause().
func resume() -> void:
	_set_paused(false)


## Seconds from the start of the scene that are heard now.
func position_s() -> float:
	var at_s := _stems[0].get_playback_position()
	if _stems[0].playing and not _stems[0].stream_paused:
		# A mixer that has not been called for long is late: nothing is heard meanwhile.
		at_s += minf(AudioServer.get_time_since_last_mix(), LONGEST_MIX_S)
		at_s -= AudioServer.get_output_latency()
	return clampf(at_s, 0.0, _stems[0].stream.get_length())


func _process(_delta: float) -> void:
	if _movement and _stems[0].playing:
		_movement.seek(position_s(), true)


func _unhandled_key_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if not key.pressed or key.echo:
		return
	match key.physical_keycode:
		KEY_SPACE:
			_set_paused(not _stems[0].stream_paused)
		KEY_R:
			play()
		KEY_P:
			for player in $Players.get_children():
				if player.has_node("Shape"):
					for shape in player.get_node("Shape").get_children():
						shape.visible = not shape.visible


func _set_paused(paused: bool) -> void:
	AudioServer.lock()
	for stem in _stems:
		stem.stream_paused = paused
	AudioServer.unlock()


func _on_finished() -> void:
	finished.emit()
	if repeat:
		play()

extends Camera
# Walks and looks around: click, then mouse and W A S D; Q and E go down and up, Shift runs.
#
# Esc gives the mouse back, Home returns to the listener's place.

export var metres_per_second := 1.4
export var radians_per_pixel := 0.0025

var _yaw := 0.0
var _pitch := 0.0


func _unhandled_input(event: InputEvent) -> void:
	if event is InputEventMouseButton and event.pressed:
		Input.set_mouse_mode(Input.MOUSE_MODE_CAPTURED)
	elif event is InputEventMouseMotion and Input.get_mouse_mode() == Input.MOUSE_MODE_CAPTURED:
		_yaw -= event.relative.x * radians_per_pixel
		_pitch = clamp(_pitch - event.relative.y * radians_per_pixel, -PI / 2, PI / 2)
		transform.basis = Basis(Vector3.UP, _yaw) * Basis(Vector3.RIGHT, _pitch)
	elif event is InputEventKey and event.pressed and event.scancode == KEY_ESCAPE:
		Input.set_mouse_mode(Input.MOUSE_MODE_VISIBLE)
	elif event is InputEventKey and event.pressed and event.scancode == KEY_HOME:
		_yaw = 0.0
		_pitch = 0.0
		transform = Transform.IDENTITY


func _process(delta: float) -> void:
	var way := Vector3(
		_pressed(KEY_D) - _pressed(KEY_A),
		_pressed(KEY_E) - _pressed(KEY_Q),
		_pressed(KEY_S) - _pressed(KEY_W)
	)
	var speed := metres_per_second * (3.0 if Input.is_key_pressed(KEY_SHIFT) else 1.0)
	translation += Basis(Vector3.UP, _yaw) * way.normalized() * speed * delta


func _pressed(key: int) -> float:
	return 1.0 if Input.is_key_pressed(key) else 0.0

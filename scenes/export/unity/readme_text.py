"""What the README of a Unity export says."""

OPENING = """\
Unity 2020.3 or later, built-in pipeline or URP.

1. *Assets → Import Package → Custom Package…*, choose `{name}.unitypackage`, and import all.
2. Open `Assets/Auralize/{name}/{name}.unity` and press Play: you stand where the listener stands.
3. Or drag the prefab `{name}` into a scene of your own, at its origin. An AudioListener that is
   there (your camera, an XR rig) is used, and is put where the listener stands (switch
   *Move Existing Listener* off to keep it); else the prefab's own camera listens."""

MORE = """\
All sources start at one sample (`AudioSource.PlayScheduled` at one `dspTime`), and everything that
moves follows the audio clock. Call `AuralizeScene.Play()` to start again; switch *Play On Start*
off to start it yourself.

The distance law is each source's custom rolloff: amplitude 1/distance from {near_m:g} m on; closer
it gets no louder. Unity knows no volume above 1, so all sources are {softer_db:.2f} dB softer than
in the scene, and the component *Auralize Makeup* gives that back behind the mix, on the
AudioListener. (WebGL has no audio filters: there, the scene is that much softer.) Unity clips what
goes beyond full scale: lower *Makeup* on the prefab if it does.

Unity itself pans between two loudspeakers. For headphones choose a spatializer (*Project Settings →
Audio → Spatializer Plugin*: Steam Audio, Meta XR Audio, …); all sources ask for it already. Keep
*DSP Buffer Size* and the project's sample rate as you like; the sounds keep their own rate.

Players are shown as points over time. Tick *Show Bodies* on the prefab's *Auralize Scene* for
triangles, as the players are at the start: they are cheaper on phones. HDRP needs a shader of its
own in the material `AuralizeShape`. Room acoustics, directivity and HRTFs are not exported."""

CHECKED_WITH = """\
unityparser 4.0.0 (all references resolve, files round-trip byte by byte), unitypackage-extractor
1.1.0, and Mono's C# compiler: the scripts compile against a stand-in for UnityEngine, and run with
it. **No Unity was at hand**: please tell us what you see there."""

"""What the README of a USD export says."""

OPENING = """\
**Unreal Engine 5** (with the plug-ins *USD Importer* and *Python Editor Script Plugin*, both of
which come with it):

1. Put this folder where it can stay: the players' bodies are read from it.
2. *Tools → Execute Python Script…*, and choose `unreal_import.py`. It imports the sounds, puts one
   sound actor at each place with the distance law of the scene, adds the stage with players and
   room, and a level sequence that moves what moves.
3. Press Play.

Without the script, *File → Import Into Level…* (or a USD Stage Actor) reads `scene.usda`; its
sounds then play from the level sequence that the importer makes, without the scene's distance law.

**Apple Vision Pro, iPhone, iPad**: open `scene.usdz` (Quick Look), or load it in a RealityKit app:
`let scene = try await Entity(named: "scene")`. You stand where the listener stands.

**Others** (usdview, Omniverse, Houdini, Blender): open `scene.usda`."""

MORE = """\
USD leaves the distance law to the program that plays: the gain of each sound is its amplitude at
1 m, which is the scene's law in programs that let sound fall with 1/distance from 1 m on.
`unreal_import.py` makes Unreal's law the scene's, to within 0.5 m of a source; closer it gets no
louder there. Unreal knows no volume that large, so it plays everything softer by one gain, which
the script prints.

In Unreal the axes are x front, y right, z up, in centimetres: (1, 2, 3) m here is {example} there.
In the USDZ they are x right, y up, z back, from the floor below the listener.

Bodies made of triangles have the purpose `proxy`, the point clouds `render`: most programs show one
of both. The USDZ has the bodies only, 16-bit sounds, and no room. Directivity, reverberation and
heads (HRTFs) are no part of USD."""

CHECKED_WITH = """\
usd-core 26.11: all validators of OpenUSD, without errors; stage and package opened, places at many
times and files compared. The script for Unreal ran against a stand-in for Unreal's Python module.
**No Unreal Engine and no Apple device was at hand**: please tell us what you see there."""

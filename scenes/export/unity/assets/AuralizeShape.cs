using System;
using System.Text;
using UnityEngine;
using UnityEngine.Rendering;

namespace Auralize
{
    /// <summary>
    /// Shows points over time, or triangles, from a binary file (TextAsset, .bytes), little-endian:
    ///
    ///     char[4] "AUZS"   int32 version 1   int32 corners of a shape: 1 points, 3 triangles
    ///     int32 frames     float32 metres of a step
    ///     for each frame:  float32 seconds   int32 vertices   int32 offset in the file
    ///     at the offset:   for each vertex:  int16 x, y, z in steps   uint8 red, green, blue, 0
    ///
    /// Each point is a small square that the shader turns to the eye.
    /// </summary>
    [ExecuteAlways]
    [RequireComponent(typeof(MeshFilter))]
    public sealed class AuralizeShape : MonoBehaviour
    {
        [Tooltip("The file.")]
        public TextAsset data;

        private const int HeaderBytes = 20;
        private const int FrameBytes = 12;
        private const int VertexBytes = 10;

        private byte[] bytes;
        private bool arePoints;
        private int frameCount;
        private float step;
        private int shown = -1;
        private Mesh mesh;
        private Vector3[] vertices;
        private Color32[] colors;
        private Vector2[] corners;

        private void OnEnable()
        {
            Load();
            Show(0f);
        }

        private void OnDisable()
        {
            if (mesh != null)
            {
                GetComponent<MeshFilter>().sharedMesh = null;
                DestroyImmediate(mesh);
            }
            mesh = null;
            bytes = null;
            shown = -1;
        }

        /// <summary>Shows what was seen at a time, in seconds from the start of the scene.</summary>
        public void Show(float time)
        {
            if (bytes == null)
            {
                return;
            }
            int frame = 0;
            while (frame + 1 < frameCount && FrameTime(frame + 1) <= time)
            {
                frame++;
            }
            if (frame != shown)
            {
                Fill(frame);
                shown = frame;
            }
        }

        private void Load()
        {
            if (data == null)
            {
                return;
            }
            byte[] read = data.bytes;
            if (read.Length < HeaderBytes || Encoding.ASCII.GetString(read, 0, 4) != "AUZS"
                || BitConverter.ToInt32(read, 4) != 1)
            {
                Debug.LogError("Auralize: " + data.name + " is no shape of version 1.", this);
                return;
            }
            bytes = read;
            arePoints = BitConverter.ToInt32(bytes, 8) == 1;
            frameCount = BitConverter.ToInt32(bytes, 12);
            step = BitConverter.ToSingle(bytes, 16);
            int most = 0;
            for (int frame = 0; frame < frameCount; frame++)
            {
                most = Math.Max(most, FrameVertices(frame));
            }
            Allocate(most);
        }

        private void Allocate(int most)
        {
            int copies = arePoints ? 4 : 1;
            vertices = new Vector3[most * copies];
            colors = new Color32[most * copies];
            corners = new Vector2[most * copies];
            int[] triangles = new int[arePoints ? most * 6 : most];
            for (int i = 0; i < most && arePoints; i++)
            {
                int[] square = { 0, 2, 1, 2, 3, 1 };
                for (int k = 0; k < 6; k++)
                {
                    triangles[6 * i + k] = 4 * i + square[k];
                }
            }
            for (int i = 0; i < most && !arePoints; i++)
            {
                triangles[i] = i;
            }
            mesh = new Mesh();
            mesh.name = data.name;
            mesh.hideFlags = HideFlags.HideAndDontSave;
            mesh.indexFormat = IndexFormat.UInt32;
            mesh.vertices = vertices;
            mesh.triangles = triangles;
            GetComponent<MeshFilter>().sharedMesh = mesh;
        }

        private void Fill(int frame)
        {
            int copies = arePoints ? 4 : 1;
            int count = FrameVertices(frame);
            int at = BitConverter.ToInt32(bytes, HeaderBytes + FrameBytes * frame + 8);
            for (int i = 0; i < vertices.Length; i++)
            {
                int vertex = i / copies;
                bool isThere = vertex < count;
                // What is not there lies on the first vertex and has no size.
                int from = at + VertexBytes * (isThere ? vertex : 0);
                vertices[i] = new Vector3(
                    step * BitConverter.ToInt16(bytes, from),
                    step * BitConverter.ToInt16(bytes, from + 2),
                    step * BitConverter.ToInt16(bytes, from + 4));
                colors[i] = new Color32(bytes[from + 6], bytes[from + 7], bytes[from + 8], 255);
                corners[i] = arePoints && isThere
                    ? new Vector2((i & 1) == 0 ? -1f : 1f, (i & 2) == 0 ? -1f : 1f)
                    : Vector2.zero;
            }
            mesh.vertices = vertices;
            mesh.colors32 = colors;
            mesh.uv = corners;
            mesh.RecalculateBounds();
        }

        private float FrameTime(int frame)
        {
            return BitConverter.ToSingle(bytes, HeaderBytes + FrameBytes * frame);
        }

        private int FrameVertices(int frame)
        {
            return BitConverter.ToInt32(bytes, HeaderBytes + FrameBytes * frame + 4);
        }
    }
}

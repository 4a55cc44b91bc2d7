// A stand-in for as much of UnityEngine as our scripts use, after its public documentation, so that
// they compile with Mono's compiler and run. What it computes (curves, poses) it computes anew.
using System;
using System.Collections.Generic;
using System.Linq;

namespace UnityEngine.Rendering
{
    public enum IndexFormat { UInt16, UInt32 }
}

namespace UnityEngine
{
    public sealed class TooltipAttribute : Attribute { public TooltipAttribute(string text) { } }
    public sealed class ExecuteAlways : Attribute { }
    public sealed class RequireComponent : Attribute { public RequireComponent(Type kind) { } }

    public enum HideFlags { None = 0, HideAndDontSave = 61 }

    public struct Vector2
    {
        public float x, y;
        public Vector2(float x, float y) { this.x = x; this.y = y; }
        public static Vector2 zero { get { return new Vector2(); } }
    }

    public struct Vector3
    {
        public float x, y, z;
        public Vector3(float x, float y, float z) { this.x = x; this.y = y; this.z = z; }
        public static Vector3 up { get { return new Vector3(0f, 1f, 0f); } }
    }

    public struct Color32
    {
        public byte r, g, b, a;
        public Color32(byte r, byte g, byte b, byte a)
        {
            this.r = r; this.g = g; this.b = b; this.a = a;
        }
    }

    public struct Quaternion
    {
        public float x, y, z, w;
        public Quaternion(float x, float y, float z, float w)
        {
            this.x = x; this.y = y; this.z = z; this.w = w;
        }
        public static Quaternion identity { get { return new Quaternion(0f, 0f, 0f, 1f); } }
        public Vector3 Front()
        {
            return new Vector3(
                2f * (x * z + w * y), 2f * (y * z - w * x), 1f - 2f * (x * x + y * y));
        }
        /// <summary>Only for fronts without height, which is what our scripts ask for.</summary>
        public static Quaternion LookRotation(Vector3 front, Vector3 up)
        {
            double half = 0.5 * Math.Atan2(front.x, front.z);
            return new Quaternion(0f, (float)Math.Sin(half), 0f, (float)Math.Cos(half));
        }
    }

    public static class Mathf
    {
        public static float Clamp(float value, float low, float high)
        {
            return Math.Min(Math.Max(value, low), high);
        }
        public static float Pow(float b, float e) { return (float)Math.Pow(b, e); }
        public static float Log(float value, float b) { return (float)Math.Log(value, b); }
        public static int CeilToInt(float value) { return (int)Math.Ceiling(value); }
    }

    public static class Time { public static float unscaledDeltaTime; }

    public static class Debug
    {
        public static readonly List<string> Errors = new List<string>();
        public static void LogError(object message, Object about) { Errors.Add(message.ToString()); }
    }

    public class Object
    {
        public string name = "";
        public HideFlags hideFlags;
        public static readonly List<Component> All = new List<Component>();
        public static void DestroyImmediate(Object gone) { }
        public static T[] FindObjectsOfType<T>() where T : Component
        {
            return All.OfType<T>().Where(each => each.gameObject.activeSelf).ToArray();
        }
    }

    public class Component : Object
    {
        public GameObject gameObject;
        public Transform transform { get { return gameObject.transform; } }
        public T GetComponent<T>() where T : Component { return gameObject.GetComponent<T>(); }
    }

    public class Behaviour : Component
    {
        public bool enabled = true;
        public bool isActiveAndEnabled { get { return enabled && gameObject.activeSelf; } }
    }

    public class MonoBehaviour : Behaviour { }

    public sealed class GameObject : Object
    {
        public bool activeSelf = true;
        public readonly Transform transform;
        private readonly List<Component> components = new List<Component>();
        public GameObject(string name)
        {
            this.name = name;
            transform = AddComponent<Transform>();
        }
        public void SetActive(bool value) { activeSelf = value; }
        public T AddComponent<T>() where T : Component, new()
        {
            var made = new T { gameObject = this };
            components.Add(made);
            All.Add(made);
            return made;
        }
        public T GetComponent<T>() where T : Component
        {
            return components.OfType<T>().FirstOrDefault();
        }
    }

    public sealed class Transform : Component
    {
        public Vector3 position;
        public Quaternion rotation = Quaternion.identity;
        public Transform parent;
        public Transform root { get { return parent == null ? this : parent.root; } }
        public Vector3 forward { get { return rotation.Front(); } }
        public void SetPositionAndRotation(Vector3 place, Quaternion turn)
        {
            position = place;
            rotation = turn;
        }
    }

    public sealed class TextAsset : Object { public byte[] bytes; }

    public sealed class Mesh : Object
    {
        public Rendering.IndexFormat indexFormat;
        public Vector3[] vertices;
        public Color32[] colors32;
        public Vector2[] uv;
        public int[] triangles;
        public void RecalculateBounds() { }
    }

    public sealed class MeshFilter : Component { public Mesh sharedMesh; }

    public struct Keyframe
    {
        public float time, value, inTangent, outTangent;
        public Keyframe(float time, float value, float inTangent, float outTangent)
        {
            this.time = time;
            this.value = value;
            this.inTangent = inTangent;
            this.outTangent = outTangent;
        }
    }

    /// <summary>Cubic Hermite curves between keys; the ends hold.</summary>
    public sealed class AnimationCurve
    {
        public readonly Keyframe[] keys;
        public AnimationCurve(params Keyframe[] keys) { this.keys = keys; }
        public float Evaluate(float time)
        {
            if (time <= keys[0].time) return keys[0].value;
            if (time >= keys[keys.Length - 1].time) return keys[keys.Length - 1].value;
            int i = 0;
            while (keys[i + 1].time < time) i++;
            double span = (double)keys[i + 1].time - keys[i].time;
            double t = (time - keys[i].time) / span;
            double a = keys[i].value, b = keys[i + 1].value;
            double p = span * keys[i].outTangent, q = span * keys[i + 1].inTangent;
            return (float)((1 + 2 * t) * (1 - t) * (1 - t) * a + t * (1 - t) * (1 - t) * p
                + t * t * (3 - 2 * t) * b + t * t * (t - 1) * q);
        }
    }

    public sealed class AnimationClip : Object
    {
        public float length;
        public AnimationCurve[] place, turn;
    }

    public sealed class AnimationState
    {
        public bool enabled;
        public float weight, time;
        public float length { get { return Clip.length; } }
        public AnimationClip Clip;
    }

    public sealed class Animation : Behaviour
    {
        public AnimationClip clip;
        private AnimationState state;
        public AnimationState this[string name]
        {
            get
            {
                if (name != clip.name) throw new ArgumentException(name);
                return state ?? (state = new AnimationState { Clip = clip });
            }
        }
        public void Sample()
        {
            if (state == null || !state.enabled || state.weight != 1f) return;
            float t = state.time;
            float[] p = clip.place.Select(curve => curve.Evaluate(t)).ToArray();
            float[] q = clip.turn.Select(curve => curve.Evaluate(t)).ToArray();
            float size = (float)Math.Sqrt(q.Sum(value => value * value));
            transform.SetPositionAndRotation(
                new Vector3(p[0], p[1], p[2]),
                new Quaternion(q[0] / size, q[1] / size, q[2] / size, q[3] / size));
        }
    }

    public enum AudioRolloffMode { Logarithmic, Linear, Custom }
    public enum AudioSourceCurveType { CustomRolloff, SpatialBlend, ReverbZoneMix, Spread }
    public enum AudioDataLoadState { Unloaded, Loading, Loaded, Failed }

    public static class AudioSettings { public static double dspTime; }

    public sealed class AudioClip : Object
    {
        public AudioDataLoadState loadState;
        public bool LoadAudioData() { loadState = AudioDataLoadState.Loading; return true; }
    }

    public sealed class AudioListener : Behaviour { }

    public sealed class AudioSource : Behaviour
    {
        public AudioClip clip;
        public bool playOnAwake = true;
        public float volume = 1f, spatialBlend, dopplerLevel = 1f, minDistance = 1f;
        public float maxDistance = 500f;
        public AudioRolloffMode rolloffMode;
        public AnimationCurve Law;
        public double Scheduled = double.NaN;
        public AudioDataLoadState StateWhenScheduled;
        public void SetCustomCurve(AudioSourceCurveType kind, AnimationCurve curve)
        {
            if (kind == AudioSourceCurveType.CustomRolloff) Law = curve;
        }
        public void PlayScheduled(double time)
        {
            Scheduled = time;
            StateWhenScheduled = clip.loadState;
        }
        public void Stop() { Scheduled = double.NaN; }
        /// <summary>What Unity multiplies samples with at a distance.</summary>
        public float Gain(float distance)
        {
            bool isOurs = rolloffMode == AudioRolloffMode.Custom && spatialBlend == 1f;
            return isOurs ? volume * Law.Evaluate(distance / maxDistance) : float.NaN;
        }
    }
}

// Puts the objects of a prefab together as Unity does, runs our scripts, and prints what comes out.
// Input: lines of words with tabs between, as unity_client.py writes them.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using Auralize;
using UnityEngine;

public static class Harness
{
    private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    public static void Main(string[] arguments)
    {
        var scene = new GameObject("scene").AddComponent<AuralizeScene>();
        var sources = new Dictionary<string, AudioSource>();
        var movements = new Dictionary<string, Animation>();
        var curves = new Dictionary<string, List<Keyframe>[]>();
        var shapes = new List<AuralizeShape>();
        Transform camera = null;
        foreach (string line in File.ReadAllLines(arguments[0]))
        {
            string[] words = line.Split('\t');
            float[] n = words.Skip(2).Select(word => float.Parse(word, Plain)).ToArray();
            switch (words[0])
            {
                case "scene":
                    scene.nearDistance = n[0];
                    scene.farDistance = n[1];
                    scene.makeup = n[2];
                    scene.duration = n[3];
                    break;
                case "listener":
                    scene.listener = new GameObject("Listener");
                    scene.listener.AddComponent<AudioListener>();
                    Put(scene.listener.transform, n);
                    break;
                case "camera":
                    camera = new GameObject("Camera").transform;
                    camera.gameObject.AddComponent<AudioListener>();
                    break;
                case "source":
                    AudioSource source = new GameObject(words[1]).AddComponent<AudioSource>();
                    source.volume = n[7];
                    source.clip = new AudioClip();
                    Put(source.transform, n);
                    sources[words[1]] = source;
                    break;
                case "key":
                    if (!curves.ContainsKey(words[1]))
                    {
                        curves[words[1]] = Enumerable.Range(0, 7)
                            .Select(_ => new List<Keyframe>()).ToArray();
                    }
                    curves[words[1]][(int)n[0]].Add(new Keyframe(n[1], n[2], n[3], n[4]));
                    break;
                case "shape":
                    var shape = new GameObject(words[1]).AddComponent<AuralizeShape>();
                    shape.gameObject.AddComponent<MeshFilter>();
                    shape.data = new TextAsset { bytes = File.ReadAllBytes(words[1]) };
                    Call(shape, "OnEnable");
                    shapes.Add(shape);
                    break;
            }
        }
        foreach (string name in curves.Keys)
        {
            AnimationCurve[] made = curves[name].Select(
                keys => new AnimationCurve(keys.ToArray())).ToArray();
            GameObject mover = name == "Listener" ? scene.listener : sources[name].gameObject;
            movements[name] = mover.AddComponent<Animation>();
            movements[name].clip = new AnimationClip {
                name = name, length = scene.duration, place = made.Take(3).ToArray(),
                turn = made.Skip(3).ToArray() };
        }
        scene.sources = sources.Values.ToArray();
        scene.movements = movements.Values.ToArray();
        scene.clouds = shapes.Take(1).ToArray();
        Run(scene, sources);
        foreach (AuralizeShape shape in shapes) Print(shape, scene.duration);
        Transform ears = camera ?? scene.listener.transform;
        var makeup = ears.GetComponent<AuralizeMakeup>();
        float[] block = { 0.01f, -0.02f };
        Call(makeup, "OnAudioFilterRead", block, 2);
        Write("ears", ears.position.x, ears.position.y, ears.position.z, ears.forward.x,
            ears.forward.z, block[0] / 0.01f, block[1] / -0.02f,
            scene.listener.activeSelf ? 1 : 0);
        foreach (string error in Debug.Errors) Console.WriteLine("error\t" + error);
    }

    private static void Run(AuralizeScene scene, Dictionary<string, AudioSource> sources)
    {
        AudioSettings.dspTime = 12.5;
        Call(scene, "Awake");
        var starting = (IEnumerator)Call(scene, "Start");
        int waited = 0;
        while (starting.MoveNext())
        {
            // One clip is loaded each frame.
            sources.Values.ElementAt(waited++).clip.loadState = AudioDataLoadState.Loaded;
            AudioSettings.dspTime += 0.011;
        }
        double began = sources.Values.First().Scheduled;
        foreach (KeyValuePair<string, AudioSource> each in sources)
        {
            Write("scheduled\t" + each.Key, each.Value.Scheduled - began,
                each.Value.Scheduled - AudioSettings.dspTime,
                each.Value.StateWhenScheduled == AudioDataLoadState.Loaded ? 1 : 0);
            foreach (float distance in new[] { 0.1f, 0.25f, 0.3f, 1f, 2f, 3.7f, 25f, 400f })
            {
                Write("gain\t" + each.Key, distance, each.Value.Gain(distance));
            }
        }
        // 60 frames a second; the audio clock goes in steps of 1024 samples at 48 kHz.
        const double Step = 1024.0 / 48000.0;
        double now = AudioSettings.dspTime;
        FieldInfo clock = typeof(AuralizeScene).GetField(
            "clock", BindingFlags.Instance | BindingFlags.NonPublic);
        Time.unscaledDeltaTime = 1f / 60f;
        for (int frame = 0; frame <= (int)(60 * (scene.duration + 0.5)); frame++)
        {
            now += 1.0 / 60.0;
            AudioSettings.dspTime = Math.Floor(now / Step) * Step;
            Call(scene, "Update");
            double shown = (double)clock.GetValue(scene);
            Write("clock", now - began, shown);
            Transform head = scene.listener.transform;
            Write("head", shown, head.position.x, head.position.y, head.position.z,
                head.forward.x, head.forward.z);
            foreach (KeyValuePair<string, AudioSource> each in sources)
            {
                Vector3 p = each.Value.transform.position;
                Write("at\t" + each.Key, shown, p.x, p.y, p.z,
                    each.Value.transform.forward.x, each.Value.transform.forward.z);
            }
        }
    }

    private static void Print(AuralizeShape shape, float duration)
    {
        foreach (float time in new[] { 0f, 0.5f * duration, duration })
        {
            shape.Show(time);
            Mesh mesh = shape.GetComponent<MeshFilter>().sharedMesh;
            Vector3[] v = mesh.vertices;
            Write("shape\t" + shape.gameObject.name, time, v.Length, mesh.triangles.Length,
                mesh.triangles.Max(), v.Min(p => p.x), v.Max(p => p.x), v.Min(p => p.y),
                v.Max(p => p.y), v.Min(p => p.z), v.Max(p => p.z), mesh.colors32[0].r,
                mesh.colors32[0].g, mesh.colors32[0].b, mesh.uv.Sum(c => Math.Abs(c.x) + Math.Abs(c.y)),
                Volume(mesh));
        }
    }

    /// <summary>Six times the volume inside, positive where triangles are clockwise from outside,
    /// which is Unity's front, in left-handed axes.</summary>
    private static double Volume(Mesh mesh)
    {
        double sum = 0;
        for (int i = 0; i < mesh.triangles.Length; i += 3)
        {
            Vector3 a = mesh.vertices[mesh.triangles[i]];
            Vector3 b = mesh.vertices[mesh.triangles[i + 1]];
            Vector3 c = mesh.vertices[mesh.triangles[i + 2]];
            sum += a.x * ((double)b.y * c.z - b.z * c.y) + a.y * ((double)b.z * c.x - b.x * c.z)
                + a.z * ((double)b.x * c.y - b.y * c.x);
        }
        return sum;
    }

    private static void Put(Transform transform, float[] n)
    {
        transform.SetPositionAndRotation(
            new Vector3(n[0], n[1], n[2]), new Quaternion(n[3], n[4], n[5], n[6]));
    }

    private static object Call(object target, string method, params object[] given)
    {
        return target.GetType().GetMethod(
            method, BindingFlags.Instance | BindingFlags.NonPublic).Invoke(target, given);
    }

    private static void Write(string name, params double[] values)
    {
        Console.WriteLine(name + "\t" + string.Join(
            "\t", values.Select(value => value.ToString("R", Plain))));
    }
}

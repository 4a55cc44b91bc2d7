using System.Collections;
using UnityEngine;

namespace Auralize
{
    /// <summary>
    /// Plays a scene: starts all sources at one sample of Unity's audio clock, moves what moves by
    /// that clock, and lets sound fall with the distance as the scene says.
    /// </summary>
    public sealed class AuralizeScene : MonoBehaviour
    {
        [Tooltip("One a player, in the order of the scene.")]
        public AudioSource[] sources = new AudioSource[0];

        [Tooltip("What moves: players, and the listener where the scene moves it.")]
        public Animation[] movements = new Animation[0];

        [Tooltip("Players as points, over time.")]
        public AuralizeShape[] clouds = new AuralizeShape[0];

        [Tooltip("Players as triangles, as they are at the start.")]
        public GameObject[] bodies = new GameObject[0];

        [Tooltip("The scene's own camera and ears. They yield to an AudioListener that is there.")]
        public GameObject listener;

        [Tooltip("Closer than this, sources get no louder, in metres.")]
        public float nearDistance = 0.25f;

        [Tooltip("As far as the distance law is kept, in metres.")]
        public float farDistance = 1000f;

        [Tooltip("What all volumes were turned down by to be at most 1; given back behind the mix.")]
        public float makeup = 1f;

        [Tooltip("Length of the scene in seconds.")]
        public float duration;

        [Tooltip("Begin when the scene begins; else call Play().")]
        public bool playOnStart = true;

        [Tooltip("Put a camera or rig that is there to where the scene's listener stands.")]
        public bool moveExistingListener = true;

        [Tooltip("Show players as triangles rather than as points.")]
        public bool showBodies;

        private const double LeadSeconds = 0.2;
        private const double MostDriftSeconds = 0.06;

        private double startDspTime = double.NaN;
        private double clock;

        /// <summary>Seconds since the scene began; negative before.</summary>
        public double SceneTime
        {
            get { return double.IsNaN(startDspTime) ? 0.0 : AudioSettings.dspTime - startDspTime; }
        }

        private void Awake()
        {
            AnimationCurve law = DistanceLaw(nearDistance, farDistance);
            foreach (AudioSource source in sources)
            {
                source.playOnAwake = false;
                source.spatialBlend = 1f;
                source.dopplerLevel = 0f;
                source.minDistance = nearDistance;
                source.maxDistance = farDistance;
                source.rolloffMode = AudioRolloffMode.Custom;
                source.SetCustomCurve(AudioSourceCurveType.CustomRolloff, law);
            }
            ShowPlayers();
            ChooseListener();
            Pose(0.0);
        }

        private IEnumerator Start()
        {
            foreach (AudioSource source in sources)
            {
                source.clip.LoadAudioData();
            }
            foreach (AudioSource source in sources)
            {
                while (source.clip.loadState == AudioDataLoadState.Loading)
                {
                    yield return null;
                }
            }
            if (playOnStart)
            {
                Play();
            }
        }

        private void Update()
        {
            if (double.IsNaN(startDspTime))
            {
                return;
            }
            // The audio clock goes in steps of a buffer; between them, frames go on by themselves.
            double heard = SceneTime;
            clock += Time.unscaledDeltaTime;
            double ahead = clock - heard;
            clock = System.Math.Abs(ahead) > MostDriftSeconds ? heard : clock - 0.1 * ahead;
            Pose(clock);
        }

        /// <summary>Starts all sources from the beginning, at one sample.</summary>
        public void Play()
        {
            Stop();
            startDspTime = AudioSettings.dspTime + LeadSeconds;
            clock = -LeadSeconds;
            foreach (AudioSource source in sources)
            {
                source.PlayScheduled(startDspTime);
            }
        }

        /// <summary>Stops all sources.</summary>
        public void Stop()
        {
            startDspTime = double.NaN;
            foreach (AudioSource source in sources)
            {
                source.Stop();
            }
        }

        /// <summary>
        /// Amplitude near / distance, 1 closer than near, over distance / far from 0 to 1.
        /// Keys a factor of the square root of 2 apart, with the slopes of the law, stay within
        /// 0.01 dB of it.
        /// </summary>
        public static AnimationCurve DistanceLaw(float near, float far)
        {
            int count = Mathf.CeilToInt(2f * Mathf.Log(far / near, 2f));
            var keys = new Keyframe[count + 2];
            keys[0] = new Keyframe(0f, 1f, 0f, 0f);
            for (int i = 0; i <= count; i++)
            {
                float distance = i < count ? near * Mathf.Pow(2f, 0.5f * i) : far;
                float slope = -near * far / (distance * distance);
                keys[i + 1] = new Keyframe(
                    distance / far, near / distance, i == 0 ? 0f : slope, slope);
            }
            return new AnimationCurve(keys);
        }

        private void Pose(double time)
        {
            foreach (Animation movement in movements)
            {
                AnimationState state = movement[movement.clip.name];
                state.enabled = true;
                state.weight = 1f;
                state.time = Mathf.Clamp((float)time, 0f, state.length);
                movement.Sample();
                state.enabled = false;
            }
            foreach (AuralizeShape cloud in clouds)
            {
                cloud.Show((float)time);
            }
        }

        private void ShowPlayers()
        {
            bool asPoints = clouds.Length > 0 && !showBodies;
            foreach (AuralizeShape cloud in clouds)
            {
                cloud.gameObject.SetActive(asPoints);
            }
            foreach (GameObject body in bodies)
            {
                body.SetActive(!asPoints);
            }
        }

        /// <summary>Uses the ears that are there already, or the scene's own.</summary>
        private void ChooseListener()
        {
            GameObject ears = listener;
#if UNITY_2023_1_OR_NEWER
            AudioListener[] all = FindObjectsByType<AudioListener>(FindObjectsSortMode.None);
#else
            AudioListener[] all = FindObjectsOfType<AudioListener>();
#endif
            foreach (AudioListener other in all)
            {
                if (other.gameObject == listener || !other.isActiveAndEnabled)
                {
                    continue;
                }
                ears = other.gameObject;
                Transform rig = other.transform.root;
                if (moveExistingListener)
                {
                    Vector3 place = listener.transform.position;
                    Vector3 front = listener.transform.forward;
                    if (rig != other.transform)
                    {
                        // A rig stands on the floor; whoever is in it brings the height.
                        place.y = transform.position.y;
                        front.y = 0f;
                    }
                    rig.SetPositionAndRotation(place, Quaternion.LookRotation(front, Vector3.up));
                }
                listener.SetActive(false);
                break;
            }
            AuralizeMakeup behind = ears.GetComponent<AuralizeMakeup>();
            if (behind == null)
            {
                behind = ears.AddComponent<AuralizeMakeup>();
            }
            behind.factor = makeup;
        }
    }
}

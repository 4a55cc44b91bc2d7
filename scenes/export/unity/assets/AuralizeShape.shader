// Colors of vertices, without light. Texture coordinates that are not zero are corners of squares
// around points, which are turned to the eye. For the built-in pipeline and URP; in VR, too.
Shader "Auralize/Shape"
{
    Properties
    {
        _PointSize ("Size of a point in metres", Float) = 0.02
    }
    SubShader
    {
        Tags { "RenderType" = "Opaque" "Queue" = "Geometry" }
        Pass
        {
            Cull Back
            CGPROGRAM
            #pragma vertex vert
            #pragma fragment frag
            #pragma multi_compile_instancing
            #include "UnityCG.cginc"

            float _PointSize;

            struct Vertex
            {
                float4 position : POSITION;
                float2 corner : TEXCOORD0;
                fixed4 color : COLOR;
                UNITY_VERTEX_INPUT_INSTANCE_ID
            };

            struct Fragment
            {
                float4 position : SV_POSITION;
                fixed4 color : COLOR;
                UNITY_VERTEX_OUTPUT_STEREO
            };

            Fragment vert(Vertex vertex)
            {
                Fragment fragment;
                UNITY_SETUP_INSTANCE_ID(vertex);
                UNITY_INITIALIZE_OUTPUT(Fragment, fragment);
                UNITY_INITIALIZE_VERTEX_OUTPUT_STEREO(fragment);
                float3 seen = UnityObjectToViewPos(vertex.position.xyz);
                seen.xy += 0.5 * _PointSize * vertex.corner;
                fragment.position = mul(UNITY_MATRIX_P, float4(seen, 1.0));
                fragment.color = vertex.color;
                #ifndef UNITY_COLORSPACE_GAMMA
                fragment.color.rgb = GammaToLinearSpace(vertex.color.rgb);
                #endif
                return fragment;
            }

            fixed4 frag(Fragment fragment) : SV_Target
            {
                return fragment.color;
            }
            ENDCG
        }
    }
}
